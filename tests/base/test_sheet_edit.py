"""Values put into cells of a workbook: what is read back, and that nothing else of it changes by a byte."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import PatternFill
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation

from harness.base.sheet import read_sheet
from harness.base.sheet_edit import CUT, MOST_CHARACTERS, Value, with_values
from harness.base.workbook import Workbook, WorkbookError, open_workbook

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rich() -> Path:
    """A workbook with a bit of everything that libraries lose: rich text, a picture, validations, a macro ..."""
    path = Path("rich.xlsx")
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("Leads")
    other = book.add_worksheet("Numbers")
    bold = book.add_format({"bold": True, "bg_color": "yellow"})
    sheet.write_row(0, 0, ["lead_id", "company", "Status"], bold)
    sheet.write_row(1, 0, ["a", "Alpha"])
    sheet.write_rich_string(2, 1, "Be", bold, "ta")
    sheet.write(2, 0, "b")
    sheet.write_blank(1, 2, None, bold)
    sheet.write_comment("A2", "call first")
    sheet.data_validation("C2:C9", {"validate": "list", "source": ["new", "done"]})
    sheet.conditional_format("C2:C9", {"type": "cell", "criteria": "==", "value": '"done"', "format": bold})
    sheet.insert_image("H2", "dot.png", {"image_data": io.BytesIO(PNG)})
    sheet.autofilter("A1:C3")
    sheet.freeze_panes(1, 0)
    other.write_formula("A1", '=COUNTIF(Leads!C:C,"done")', None, 0)
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=Numbers!$A$1:$A$1"})
    other.insert_chart("C2", chart)
    book.define_name("total", "=Numbers!$A$1")
    book.close()
    return path


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)


def edited(path: Path, values: Mapping[int, Mapping[int, Value]]) -> Workbook:
    book = open_workbook(path)
    path.write_bytes(with_values(book, book.sheets[0], values))
    return open_workbook(path)


def test_every_part_but_the_sheet_keeps_its_bytes_and_the_sheet_all_but_the_cells() -> None:
    before = open_workbook(rich())
    after = edited(Path("rich.xlsx"), {1: {4: "Summary"}, 2: {3: "done", 4: "good"}, 3: {3: "failed"}})
    assert after.archive.namelist() == before.archive.namelist()
    changed = [name for name in before.archive.namelist() if before.read(name) != after.read(name)]
    assert changed == [SHEET], "xlsxwriter asks for calculation already"
    old, new = before.read(SHEET).decode(), after.read(SHEET).decode()
    for added in (
        '<c r="D1" t="inlineStr"><is><t xml:space="preserve">Summary</t></is></c>',
        '<c r="D2" t="inlineStr"><is><t xml:space="preserve">good</t></is></c>',
        '<c r="C3" t="inlineStr"><is><t xml:space="preserve">failed</t></is></c>',
    ):
        assert new.count(added) == 1
        new = new.replace(added, "")
    assert '<c r="C2" s="1" t="inlineStr"><is><t xml:space="preserve">done</t></is></c>' in new, "the looks stay"
    new = new.replace(' t="inlineStr"><is><t xml:space="preserve">done</t></is></c>', "/>")
    assert new.replace('ref="A1:D3"', 'ref="A1:C3"') == old.replace(' spans="1:3"', "")
    opened = openpyxl.load_workbook("rich.xlsx")
    assert [[cell.value for cell in row] for row in opened["Leads"].iter_rows()] == [
        ["lead_id", "company", "Status", "Summary"], ["a", "Alpha", "done", "good"], ["b", "Beta", "failed", None],
    ]  # fmt: skip
    assert opened["Leads"]["A2"].comment.text == "call first"


def test_what_openpyxl_has_written_is_kept_too_and_programs_calculate_anew() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["lead_id", "n"], ["a", 1], ["b", 2]):
        sheet.append(row)
    sheet["A2"].comment = Comment("hello", "me")
    sheet.add_data_validation(DataValidation(type="whole", sqref="B2:B9"))
    sheet.conditional_formatting.add("B2:B9", CellIsRule(operator="greaterThan", formula=["1"], fill=PatternFill()))
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3))
    sheet.add_chart(chart, "F1")
    book.defined_names["all"] = DefinedName("all", attr_text="Sheet!$A$1:$B$3")
    book.calculation.fullCalcOnLoad = False
    book.create_sheet("Count")["A1"] = "=COUNTA(Sheet!C:C)"
    book.save("o.xlsx")
    before = open_workbook(Path("o.xlsx"))
    after = edited(Path("o.xlsx"), {1: {3: "Status"}, 3: {3: "done"}})
    changed = [name for name in before.archive.namelist() if before.read(name) != after.read(name)]
    assert changed == [SHEET, "xl/workbook.xml"]
    assert not after.is_calculated and before.is_calculated
    assert openpyxl.load_workbook("o.xlsx")["Sheet"]["C3"].value == "done"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<sheets>", "<sheets>"),
        ('<calcPr calcId="124519" fullCalcOnLoad="1"/>', "<calcPr></calcPr>"),
        ('<calcPr calcId="124519" fullCalcOnLoad="1"/>', ""),
        ('<calcPr calcId="124519" fullCalcOnLoad="1"/>', "<calcPr fullCalcOnLoad='0'/>"),
    ],
)
def test_calculation_is_asked_for_whatever_the_workbook_says_of_it(old: str, new: str) -> None:
    rewritten(rich(), "xl/workbook.xml", old, new)
    after = edited(Path("rich.xlsx"), {2: {3: "done"}})
    assert not after.is_calculated
    assert openpyxl.load_workbook("rich.xlsx").defined_names["total"].attr_text == "Numbers!$A$1"


def rewritten(path: Path, part: str, old: str, new: str) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts[part]
    parts[part] = parts[part].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


ODD = f"""<?xml version='1.0' encoding='utf-8'?>
<x:worksheet xmlns:x="{MAIN}"><!-- <row r="2"> --><x:dimension ref="A1:B2"/><x:sheetData>
<x:row r="1" spans='1:2' ht="20"><x:c t="inlineStr"><x:is><x:t>lead_id</x:t></x:is></x:c><x:c/></x:row >
<x:row r="2" note="a > b"/><x:row><x:c r="A3" t="inlineStr"><x:is><x:t>ü</x:t></x:is></x:c
 ><x:c r="D3" s="0"><x:v>4</x:v></x:c></x:row></x:sheetData></x:worksheet>"""


def test_xml_as_other_programs_write_it_is_cut_at_the_right_places() -> None:
    book = openpyxl.Workbook()
    book.save("odd.xlsx")
    with zipfile.ZipFile("odd.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile("odd.xlsx", "w") as archive:
        for name, content in {**parts, SHEET: ODD.encode()}.items():
            archive.writestr(name, content)
    values: dict[int, dict[int, Value]] = {
        1: {2: "Status", 3: "n"}, 2: {1: "new", 2: True}, 3: {2: "ä", 3: 1.5, 4: None, 5: -7},
    }  # fmt: skip
    after = edited(Path("odd.xlsx"), values)
    sheet = read_sheet(after, after.sheets[0])
    assert dict(sheet.rows) == {1: ["lead_id", "Status", "n"], 2: ["new", True], 3: ["ü", "ä", 1.5, None, -7]}
    assert b'<!-- <row r="2"> -->' in after.read(SHEET) and b'ref="A1:E2"' in after.read(SHEET)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        *((f"{sign}cmd|' /C calc'!A0", f"{sign}cmd|' /C calc'!A0") for sign in "=+-@\t"),
        ("<&>\"']]>", "<&>\"']]>"),
        ("  two\nlines \r\n", "  two\nlines \n"),
        ("_x0041_ and _xyz_", "_x0041_ and _xyz_"),
        ("bell \x07 and half \ud83d", "bell \ufffd and half \ufffd"),
        ("😀" * 10, "😀" * 10),
        ("😀" * 16_384, "😀" * ((MOST_CHARACTERS - len(CUT)) // 2) + CUT),
        ("long " * 10_000, ("long " * 10_000)[: MOST_CHARACTERS - len(CUT)] + CUT),
        (2**60, str(2**60)),
        (0.1, 0.1),
        (True, True),
    ],
)
def test_a_value_is_read_back_as_it_was_and_text_is_never_a_formula(value: Value, kept: Value) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a"])
    book.save("t.xlsx")
    after = edited(Path("t.xlsx"), {1: {2: value}})
    assert read_sheet(after, after.sheets[0]).at(1, 2) == kept
    assert b">_x0041_" not in after.read(SHEET), "spreadsheets would take it for an A"
    cell = openpyxl.load_workbook("t.xlsx").active["B1"]
    assert cell.data_type in ("s", "n", "b") and b"<f" not in after.read(SHEET)


def test_formulas_and_merged_cells_are_not_written_over_and_all_of_them_are_told() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["lead_id", "Status", "Fit"], ["a", "=1+1"], ["b", None, "x"], ["c", None, None]):
        sheet.append(row)
    sheet.merge_cells("C3:C4")
    book.save("t.xlsx")
    with pytest.raises(WorkbookError) as caught:
        edited(Path("t.xlsx"), {2: {2: "done"}, 3: {3: 1}, 4: {3: 1}})
    assert [str(problem).partition("\n")[0] for problem in caught.value.problems] == [
        "t.xlsx:Sheet!B2: has a formula, which a result would replace",
        "t.xlsx:Sheet!C4: is part of merged cells",
    ]
    with pytest.raises(WorkbookError, match="this row does not exist in the sheet"):
        edited(Path("t.xlsx"), {9: {2: "done"}})


def test_the_same_values_give_the_same_bytes() -> None:
    book = open_workbook(rich())
    first, second = (with_values(book, book.sheets[0], {2: {3: "done"}}) for _ in range(2))
    assert first == second
