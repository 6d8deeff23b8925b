"""Items out of workbooks: what cells are as data, where the header is, what is said of cells that cannot be used."""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from harness.base.errors import UsageError
from harness.evaluation.bounded import Bounded
from harness.sources.read import SourceReading, read
from harness.sources.sheet_rows import SheetSource, rows_of_sheet
from tests.sources.conftest import ids, job_of

LEADS: list[list[Any]] = [["lead_id", "company", "score"], ["lead_001", "Alpha", 9], ["lead_002", "Beta", 7]]


def workbook(sheets: Mapping[str, Sequence[Any]], change: Callable[[Any], None] | None = None) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    if change is not None:
        change(book)
    book.save("leads.xlsx")
    return Path("leads.xlsx")


def with_part(name: str, change: Callable[[str], str]) -> None:
    """Change the text of one part of leads.xlsx; a new part where there is none of the name."""
    with zipfile.ZipFile("leads.xlsx") as old:
        parts = {each: old.read(each) for each in old.namelist()}
    parts[name] = change(parts.get(name, b"").decode()).encode()
    with zipfile.ZipFile("leads.xlsx", "w", zipfile.ZIP_DEFLATED) as new:
        for each, content in parts.items():
            new.writestr(each, content)


SHEET = "xl/worksheets/sheet1.xml"


def reading(bounded: Bounded, spec: str = "", id_: str = ".lead_id") -> SourceReading:
    return read(job_of(f"{{xlsx: leads.xlsx, id: {id_}{spec}}}"), bounded)


def refused(bounded: Bounded, spec: str = "", id_: str = ".lead_id") -> list[str]:
    with pytest.raises(UsageError) as caught:
        reading(bounded, spec, id_)
    return [str(problem) for problem in caught.value.problems]


def data_of(found: SourceReading) -> list[dict[str, Any]]:
    return [dict(item.data) for item in found.items]


def test_rows_below_the_header_are_items_and_cells_are_what_they_show(bounded: Bounded) -> None:
    rows = [
        ["lead_id", "  Company\n name ", "n", "share", "open", "day", "at", "clock", "span", "empty"],
        [
            "a",
            " text ",
            3,
            0.25,
            True,
            date(2026, 12, 1),
            datetime(2026, 12, 1, 9, 30),
            time(9, 5),
            timedelta(hours=26),
        ],
        [7, "=no formula", 3.0, 1e20, False, datetime(2026, 12, 1), datetime(2026, 12, 1), time(0), timedelta(0), None],
    ]

    def as_text(book: Any) -> None:
        book["Leads"]["B3"].data_type = "s"
        book["Leads"]["F3"].number_format = "dd/mm/yyyy"

    workbook({"Leads": rows}, as_text)
    found = reading(bounded)
    assert data_of(found) == [
        {"lead_id": "a", "Company name": " text ", "n": 3, "share": 0.25, "open": True, "day": "2026-12-01",
         "at": "2026-12-01T09:30:00", "clock": "09:05:00", "span": "26:00:00", "empty": None},
        {"lead_id": 7, "Company name": "=no formula", "n": 3, "share": 1e20, "open": False, "day": "2026-12-01",
         "at": "2026-12-01T00:00:00", "clock": "00:00:00", "span": "00:00:00", "empty": None},
    ]  # fmt: skip
    assert type(data_of(found)[1]["n"]) is int
    assert ids(found) == ["a", "7"] and found.warnings == ()


def test_a_sheet_is_found_by_its_name_in_any_case_or_is_the_only_one_to_be_seen(bounded: Bounded) -> None:
    def hide(book: Any) -> None:
        book["Lists"].sheet_state = "hidden"

    workbook({"Lists": [["x"], [1]], "Leads": LEADS}, hide)
    assert ids(reading(bounded)) == ids(reading(bounded, ", sheet: ' leads'")) == ["lead_001", "lead_002"]
    assert ids(reading(bounded, ", sheet: Lists", ".x")) == ["1"]
    assert refused(bounded, ", sheet: Leeds") == [
        "leads.xlsx: has no sheet 'Leeds'\n  hint: it has 'Lists' (hidden), 'Leads'"
    ]
    workbook({"Lists": [["x"], [1]], "Leads": LEADS})
    assert refused(bounded) == ["leads.xlsx: has 2 sheets, and none is named\n  hint: name one of 'Lists', 'Leads'"]


def test_titles_above_the_header_are_passed_over_and_a_header_can_be_named(bounded: Bounded) -> None:
    title = [["All leads of the west"], [], ["client", "Acme"], *[[*row, "", "", 1] for row in LEADS]]
    title[3] = ["lead_id", "company", "score", "owner", "mail", "n"]
    workbook({"Leads": title})
    found = reading(bounded)
    assert ids(found) == ["lead_001", "lead_002"]
    assert found.warnings == (
        "leads.xlsx:Leads!4: was taken for the header; to name another row, write header: N under items",
    )
    assert reading(bounded, ", header: 4").warnings == ()
    assert ids(reading(bounded, ", header: 5", ".lead_001")) == ["lead_002"]
    assert refused(bounded, ", header: 2") == [
        "leads.xlsx:Leads!2: holds no names of columns\n"
        "  hint: write header: with the number of the row that names the columns"
    ]
    workbook({"Leads": LEADS[1:]})
    assert data_of(reading(bounded, ", columns: [lead_id, company, score]"))[0] == {
        "lead_id": "lead_001", "company": "Alpha", "score": 9,
    }  # fmt: skip


def test_names_in_a_header_are_unique_and_every_value_has_one(bounded: Bounded) -> None:
    workbook({"Leads": [["lead_id", "a", " a ", None], ["x", 1, 2, 3]]})
    assert [each.partition("\n")[0] for each in refused(bounded)] == [
        "leads.xlsx:Leads!C1: columns B and C are both called 'a'"
    ]
    workbook({"Leads": [["lead_id", "a", None, None], ["x", 1, None, 3], ["y", 1, None, 4], ["z", 1, 2]]})
    assert [each.partition("\n")[0] for each in refused(bounded)] == [
        "leads.xlsx:Leads!D2: has a value, and column D has no name in row 1",
        "leads.xlsx:Leads!C4: has a value, and column C has no name in row 1",
    ]


def test_empty_rows_and_repeated_headers_are_left_out_and_hidden_rows_are_read_all_with_a_word(
    bounded: Bounded,
) -> None:
    def hide(book: Any) -> None:
        book["Leads"].row_dimensions[3].hidden = True

    workbook({"Leads": [*LEADS, [], [None, "  "], LEADS[0], ["lead_003", "", None]]}, hide)
    found = reading(bounded)
    assert ids(found) == ["lead_001", "lead_002", "lead_003"]
    assert found.warnings == (
        "leads.xlsx:Leads!6: 1 row repeats the header; left out",
        "leads.xlsx:Leads: 2 rows have nothing in any cell; left out",
        "leads.xlsx:Leads!3: 1 row is hidden and was read like the others; `rows` can leave rows out",
    )


def test_a_merge_fills_the_rows_below_and_no_other_column(bounded: Bounded) -> None:
    def merge(book: Any) -> None:
        book["Leads"].merge_cells("B2:C3")

    workbook({"Leads": [["lead_id", "region", "city"], ["a", "West", None], ["b"], ["c", "East", "Rome"]]}, merge)
    found = reading(bounded)
    assert [(row["region"], row["city"]) for row in data_of(found)] == [
        ("West", None), ("West", None), ("East", "Rome"),
    ]  # fmt: skip
    assert found.warnings == ("leads.xlsx:Leads!B3: 1 merged cell takes the value of the first row of the merge",)


def test_errors_and_formulas_without_a_value_are_told_with_their_cells_all_at_once(bounded: Bounded) -> None:
    def spoil(book: Any) -> None:
        sheet = book["Leads"]
        sheet["B2"], sheet["C3"] = "#N/A", "=1+1"
        sheet["B2"].data_type = "e"

    workbook({"Leads": LEADS}, spoil)
    assert refused(bounded) == [
        "leads.xlsx:Leads!B2: holds the error #N/A\n  hint: correct it in Excel or LibreOffice, or clear the cell",
        "leads.xlsx:Leads!C3: has a formula and no value: the program that saved the workbook does not calculate\n"
        "  hint: open it in Excel or LibreOffice and save it",
    ]


def test_a_formula_counts_by_the_value_that_was_saved(bounded: Bounded) -> None:
    workbook({"Leads": [*LEADS, ["lead_003", "x", "=6*7"], ["lead_004", "x", '=""&""']]})
    with_part(
        SHEET,
        lambda text: text.replace("<f>6*7</f><v />", "<f>6*7</f><v>42</v>").replace(
            "<f>6*7</f><v></v>", "<f>6*7</f><v>42</v>"
        ),
    )
    with_part(SHEET, lambda text: text.replace('<c r="C5">', '<c r="C5" t="str">'))
    found = reading(bounded)
    assert [row["score"] for row in data_of(found)] == [9, 7, 42, None]
    assert found.warnings == (
        "leads.xlsx:Leads: its formulas may have old values; open it in Excel or LibreOffice and save it",
    )


def test_a_row_without_an_id_and_an_id_twice_are_told_with_the_cell_of_the_id(bounded: Bounded) -> None:
    workbook({"Leads": [["company", "lead_id"], ["Alpha", "a"], ["Beta", None], ["Gamma", "A"]]})
    told = refused(bounded)
    assert told[0].startswith("leads.xlsx:Leads!B3: the id at .lead_id is null, expected text or a whole number")
    assert told[1].startswith("leads.xlsx:Leads!B4: duplicate id 'A': it is also at leads.xlsx:Leads!B2")


def test_rows_of_a_sheet_go_through_jq_like_all_others(bounded: Bounded) -> None:
    workbook({"Leads": LEADS})
    assert ids(reading(bounded, ", rows: '.[] | select(.score > 8)'")) == ["lead_001"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"lead_id,company\n1,a\n",
            "contains text and is not a workbook\n  hint: a CSV file is named so: items: {file: leads.csv}",
        ),
        (b"<html><table></table></html>", "is a web page and no workbook"),
        (b"", "is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "is a workbook of the old kind (.xls)\n  hint: save it"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "is encrypted\n  hint: save it without a password",
        ),
        (b"PK\x03\x04 and then nothing", "is damaged: File is not a zip file"),
        (b"%PDF-1.7\0\0", "is not a workbook"),
    ],
)
def test_another_kind_of_file_is_told_in_words(bounded: Bounded, content: bytes, said: str) -> None:
    Path("leads.xlsx").write_bytes(content)
    (told,) = refused(bounded)
    assert told.startswith(f"leads.xlsx: {said}")


def test_a_cut_file_and_a_changed_byte_are_told_as_damage(bounded: Bounded) -> None:
    whole = workbook({"Leads": [*LEADS, *([f"lead_{number}", "x" * 50, number] for number in range(100, 300))]})
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    assert refused(bounded)[0].startswith("leads.xlsx: is damaged")
    with zipfile.ZipFile(workbook({"Leads": LEADS})) as archive:
        offset = archive.getinfo(SHEET).header_offset
    broken = bytearray(whole.read_bytes())
    broken[offset + 100] ^= 0xFF
    whole.write_bytes(broken)
    assert refused(bounded)[0].startswith("leads.xlsx: is damaged")


def test_a_bomb_is_refused_before_it_is_unpacked(bounded: Bounded, monkeypatch: pytest.MonkeyPatch) -> None:
    workbook({"Leads": LEADS})
    monkeypatch.setattr("harness.base.workbook.MOST_UNPACKED_BYTES", 2**20)
    with_part("xl/more.xml", lambda _: " " * 2**21)
    (told,) = refused(bounded)
    assert told.startswith("leads.xlsx: unpacks to 2.0") and told.endswith("MB, more than the 1 MB that are read")


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"])
def test_a_part_with_definitions_of_its_own_is_refused(bounded: Bounded, part: str) -> None:
    workbook({"Leads": LEADS})
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>'
    with_part(part, lambda text: bomb + text[text.index("?>") + 2 if text.startswith("<?xml") else 0 :])
    assert refused(bounded)[0].startswith(f"leads.xlsx: has a document type in its part {part!r}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('r="A2"', 'r="ZZZZ2"', "leads.xlsx:Leads: is larger than 1,048,576 rows"),
        ('<row r="3"', '<row r="99999999"', "leads.xlsx:Leads: is larger than 1,048,576 rows"),
        ('<row r="3"', '<row r="1"', "leads.xlsx:Leads: its rows are not in order"),
        ("</sheetData>", "", "leads.xlsx: is damaged: mismatched tag"),
    ],
)
def test_a_sheet_that_no_program_writes_is_refused_in_words(bounded: Bounded, old: str, new: str, said: str) -> None:
    workbook({"Leads": LEADS})
    with_part(SHEET, lambda text: text.replace(old, new))
    assert refused(bounded)[0].startswith(said)


def test_texts_that_a_workbook_keeps_once_for_all_cells_are_read_without_their_looks(bounded: Bounded) -> None:
    book = xlsxwriter.Workbook("leads.xlsx")
    sheet = book.add_worksheet("Leads")
    bold = book.add_format({"bold": True})
    sheet.write_row(0, 0, ["lead_id", "company"])
    sheet.write_string(1, 0, "a")
    sheet.write_rich_string(1, 1, "Al", bold, "pha", " & <Sons>\n2nd line")
    book.close()
    assert data_of(reading(bounded)) == [{"lead_id": "a", "company": "Alpha & <Sons>\n2nd line"}]
    with_part(SHEET, lambda text: text.replace("<v>0</v>", "<v>999</v>"))
    assert refused(bounded)[0].startswith("leads.xlsx: cannot be read: IndexError")


def test_what_a_sheet_says_of_its_own_size_is_not_believed(bounded: Bounded) -> None:
    workbook({"Leads": LEADS})
    with_part(SHEET, lambda text: text.replace('<dimension ref="A1:C3"', '<dimension ref="A1:A1"'))
    assert data_of(reading(bounded))[1] == {"lead_id": "lead_002", "company": "Beta", "score": 7}


def test_more_cells_than_are_read_are_refused(bounded: Bounded, monkeypatch: pytest.MonkeyPatch) -> None:
    workbook({"Leads": LEADS})
    monkeypatch.setattr("harness.base.sheet.MOST_CELLS", 8)
    assert "8 cells with a value, the most that is read of a sheet" in refused(bounded)[0]


def test_columns_that_results_are_written_into_are_no_part_of_a_row(bounded: Bounded) -> None:
    def spoil(book: Any) -> None:
        book["Leads"]["C3"] = "#N/A"
        book["Leads"]["C3"].data_type = "e"

    source = SheetSource(workbook({"Leads": LEADS}, spoil), without=frozenset({"score"}))
    assert rows_of_sheet(source).values[0] == {"lead_id": "lead_001", "company": "Alpha"}


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ("{file: leads.xlsx}", "items.file: is a workbook"),
        ("{xlsx: leads.csv}", "items.xlsx: expected a file that ends with .xlsx or .xlsm, got 'leads.csv'"),
        ("{file: leads.csv, sheet: Leads}", "items.sheet: is for workbooks"),
        ("{file: leads.csv, header: 2}", "items.header: is for workbooks"),
        ("{xlsx: leads.xlsx, delimiter: tab}", "items.delimiter: is for text files, and a workbook is none"),
        ("{xlsx: leads.xlsx, header: 1, columns: [a]}", "items.columns: a sheet has a header or names of columns"),
        ("{xlsx: leads.xlsx, file: leads.csv}", "items: expected exactly one of file, files and xlsx"),
        ("{xlsx: leads.xlsx, header: 0}", "items.header: expected greater than or equal to 1"),
    ],
)
def test_words_of_the_manifest_that_do_not_fit_a_workbook_are_refused(items: str, said: str) -> None:
    workbook({"Leads": LEADS})
    Path("leads.csv").write_text("id\na\n")
    with pytest.raises(UsageError) as caught:
        job_of(items)
    assert any(problem.message.startswith(said) for problem in caught.value.problems), caught.value.problems
