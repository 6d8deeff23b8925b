"""Lists as people have them: other marks, other encodings, no header, two headers, empty rows."""

import json
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.evaluation.bounded import Bounded
from harness.sources.read import SourceReading
from tests.sources.conftest import ids, job_of, reading, refusals

TWO = [{"id": "1", "firma": "Alpha GmbH", "umsatz": "1.200,50"}, {"id": "2", "firma": "Beta AG", "umsatz": "3,0"}]


def data_of(found: SourceReading) -> list[object]:
    return [dict(item.data) for item in found.items]


def hints(bounded: Bounded, content: str | bytes, name: str, spec: str = "") -> list[str | None]:
    with pytest.raises(UsageError) as caught:
        reading(bounded, content, name, spec)
    return [problem.hint for problem in caught.value.problems]


@pytest.mark.parametrize("name", ["i.csv", "i.tsv"])
@pytest.mark.parametrize("mark", [";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_mark_between_the_columns_is_the_one_that_cuts_all_lines_alike(
    bounded: Bounded, name: str, mark: str, end: str
) -> None:
    rows = [["id", "firma", "umsatz"], ["1", "Alpha GmbH", "1.200,50"], ["2", "Beta AG", "3,0"]]
    found = reading(bounded, end.join(map(mark.join, rows)) + end, name)
    assert data_of(found) == TWO
    assert found.warnings == ()


def test_a_mark_that_only_cells_hold_or_that_excel_names_is_no_riddle(bounded: Bounded) -> None:
    assert data_of(reading(bounded, "id\na;b\nc;d\n", "i.csv")) == [{"id": "a;b"}, {"id": "c;d"}]
    assert data_of(reading(bounded, 'id,x\n1,"a;b"\n2,c;d\n', "i.csv"))[1] == {"id": "2", "x": "c;d"}
    assert data_of(reading(bounded, "sep=;\r\nid;a,b\r\n1;2,3\r\n", "i.csv")) == [{"id": "1", "a,b": "2,3"}]


def test_two_marks_that_both_cut_all_lines_alike_are_asked_about_and_the_answer_counts(bounded: Bounded) -> None:
    text = "id;price,EUR\n1;3,50\n2;4,00\n"
    assert refusals(bounded, text, "i.csv") == [
        "i.csv:1:1: could be cut by commas ('id;price', 'EUR') or by semicolons ('id', 'price,EUR')"
    ]
    assert hints(bounded, text, "i.csv") == ['write which one under items: delimiter: "," or ";"']
    assert ids(reading(bounded, text, "i.csv", ', delimiter: ";"')) == ["1", "2"]
    assert ids(reading(bounded, text, "i.csv", ', delimiter: ",", id: \'.["id;price"]\'')) == ["1;3", "2;4"]
    assert ids(reading(bounded, "id\ta\n1\t2\n", "i.txt", ", delimiter: tab")) == ["1"]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["i.csv", "i.tsv", "i.jsonl", "i.json", "i.txt"])
def test_an_encoding_that_the_bytes_leave_no_doubt_about_needs_no_word(bounded: Bounded, codec: str, name: str) -> None:
    rows = [{"id": "Müller"}, {"id": "Söhne"}]
    text = {
        ".json": json.dumps(rows, ensure_ascii=False),
        ".jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
        ".txt": "Müller\n\n  Söhne \n",
    }.get(Path(name).suffix, "id\nMüller\nSöhne\n")
    assert ids(reading(bounded, text.encode(codec), name)) == ["Müller", "Söhne"]


@pytest.mark.parametrize("name", ["i.csv", "i.tsv", "i.jsonl", "i.json", "i.txt"])
def test_an_encoding_that_cannot_be_seen_is_proposed_with_how_it_reads_and_never_guessed(
    bounded: Bounded, name: str
) -> None:
    text = {".json": '[{"id": "Müller"}]', ".jsonl": '{"id": "Müller"}', ".txt": "Müller"}
    content = text.get(Path(name).suffix, "id\nMüller\n").encode("latin-1")
    (refusal,) = refusals(bounded, content, name)
    assert "is not UTF-8: byte 0xfc at offset" in refusal
    (hint,) = hints(bounded, content, name)
    assert hint is not None and "if this should read 'Müller', write encoding: windows-1252 under items" in hint
    for encoding in ("windows-1252", "latin-1", "iso-8859-15"):
        assert ids(reading(bounded, content, name, f", encoding: {encoding}")) == ["Müller"]


def test_an_encoding_that_cannot_be_true_is_refused(bounded: Bounded) -> None:
    assert (
        "byte 0x80 is not a Latin-1 character" in refusals(bounded, b"id\n5 \x80\n", "i.csv", ", encoding: latin-1")[0]
    )
    assert ids(reading(bounded, b"id\n5 \x80\n", "i.csv", ", encoding: cp1252")) == ["5 €"]
    marked = "id\nMüller\n".encode("utf-16")
    assert "is utf-16 by its first bytes" in refusals(bounded, marked, "i.csv", ", encoding: latin-1")[0]
    assert ids(reading(bounded, marked, "i.csv", ", encoding: utf-16")) == ["Müller"]
    assert "is not utf-16-le: truncated data" in refusals(bounded, b"\xff\xfei\0d\0\n\0a", "i.csv")[0]
    with pytest.raises(UsageError, match="expected an encoding such as utf-8, windows-1252 or utf-16, got 'ansi'"):
        job_of("{file: i.csv, encoding: ansi}")


@pytest.mark.parametrize(
    "first", ["https://a.example/1", "a@b.example", "2026-11-30", "30.11.2026", "17", "www.example.com"]
)
def test_a_first_line_that_is_hardly_a_header_is_told_and_names_can_be_given(bounded: Bounded, first: str) -> None:
    found = reading(bounded, f"{first}\nx\ny\n", "i.csv", f", id: {json.dumps(f'.[{json.dumps(first)}]')}")
    assert found.warnings[0].startswith(f"i.csv:1: {first!r} was taken for the name of a column; if the file has no h")
    assert ids(reading(bounded, f"{first}\nx\ny\n", "i.csv", ", columns: [a], id: .a")) == [first, "x", "y"]
    assert reading(bounded, f"{first}\nx\ny\n", "i.csv", ", columns: [a], id: .a").warnings == ()


def test_years_beside_a_name_are_a_header(bounded: Bounded) -> None:
    assert reading(bounded, "id,2025,2026\na,1,2\n", "i.csv").warnings == ()


@pytest.mark.parametrize(("name", "mark"), [("i.csv", ","), ("i.csv", ";"), ("i.tsv", "\t")])
def test_a_header_in_the_middle_is_no_item(bounded: Bounded, name: str, mark: str) -> None:
    lines = ["id,name", "1,a", "\ufeffid, name", "2,b", "id,name"]
    found = reading(bounded, "\n".join(lines).replace(",", mark), name)
    assert ids(found) == ["1", "2"]
    assert found.warnings == (f"{name}:3: 2 rows repeat the header; left out",)


def test_in_a_list_of_one_column_a_repeated_header_may_be_an_item_and_is_told(bounded: Bounded) -> None:
    found = reading(bounded, "word\ncasa\nword\n", "i.csv", ", id: .word")
    assert ids(found) == ["casa", "word"]
    assert found.warnings == ("i.csv:3: 1 row repeats the header; taken for an item called 'word'",)
    named = reading(bounded, "id,name\n1,a\n", "i.csv", ", columns: [id, name]")
    assert (ids(named), named.warnings) == (["1"], ("i.csv:1: 1 row repeats the header; left out",))


def test_what_spreadsheets_leave_empty_is_no_item_and_no_column(bounded: Bounded) -> None:
    found = reading(bounded, "id;name;;\n1;a;;\n;;;\n2;b;;\n ; ;;\n\n", "i.csv")
    assert data_of(found) == [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]
    assert found.warnings == ("i.csv:3: 2 rows have nothing in any cell; left out",)
    assert "column 3 has no name in the header" in refusals(bounded, "id;name;;\n1;a;;\n2;b;x;\n", "i.csv")[0]


def test_white_space_belongs_to_no_name_of_a_column_and_to_no_id_of_a_table(bounded: Bounded) -> None:
    found = reading(bounded, 'id, company \n1 , Acme\n2, "Beta, Inc"\n', "i.csv")
    assert data_of(found) == [{"id": "1 ", "company": "Acme"}, {"id": "2", "company": "Beta, Inc"}]
    assert ids(found) == ["1", "2"]
    assert data_of(reading(bounded, "id,company\n1, Acme\n", "i.csv")) == [{"id": "1", "company": " Acme"}]
    assert "both called 'a'" in refusals(bounded, "id,a, a\n1,2,3\n", "i.csv")[0]


def test_text_files_have_one_item_a_line_and_a_table_in_one_is_told(bounded: Bounded) -> None:
    found = reading(bounded, "\ufeffAda\r\n\r\n  Alan \r\n", "i.txt")
    assert data_of(found) == [{"value": "Ada"}, {"value": "Alan"}]
    assert (ids(found), found.warnings) == (["Ada", "Alan"], ())
    (warning,) = reading(bounded, "id x\ty\n1\t2\n", "i.txt", ", id: $row").warnings
    assert warning.endswith("if these are columns, write delimiter: tab under items")


@pytest.mark.parametrize("name", ["i.json", "i.jsonl"])
def test_whole_numbers_are_ids_of_any_size(bounded: Bounded, name: str) -> None:
    rows = [{"id": 9007199254740993, "n": -9007199254740993}, {"id": -1, "n": 0}]
    text = json.dumps(rows) if name == "i.json" else "\n".join(map(json.dumps, rows))
    for spec in ("", ', rows: ".[] | select(.id)"', ', rows: ".[] | .id |= tostring"'):
        found = reading(bounded, text, name, spec)
        assert ids(found) == ["9007199254740993", "-1"]
        assert found.items[0].data["n"] == -9007199254740993


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("i.csv", "lang,t\nen,a\nde,b\nen,c\n"),
        ("i.tsv", "lang\tt\nen\ta\nde\tb\nen\tc\n"),
        ("i.jsonl", '{"lang": "en", "t": "a"}\n{"lang": "de", "t": "b"}\n{"lang": "en", "t": "c"}\n'),
        ("i.json", '[{"lang": "en", "t": "a"}, {"lang": "de", "t": "b"}, {"lang": "en", "t": "c"}]'),
    ],
)
def test_rows_choose_from_lists_of_every_kind_and_row_numbers_name_them(
    bounded: Bounded, name: str, content: str
) -> None:
    assert ids(reading(bounded, content, name, ", id: $row")) == ["1", "2", "3"]
    assert ids(reading(bounded, content, name, ", rows: '.[] | select(.lang == \"en\")', id: .t")) == ["a", "c"]


def test_ids_in_which_case_matters_are_switched_on_and_their_files_stay_apart(bounded: Bounded) -> None:
    text = "id,what\ndQw4w9WgXcQ,video\ndQw4w9WgXcq,video\nMaße,word\nMasse,word\npolish,word\nPolish,word\n"
    assert len(refusals(bounded, text, "i.csv")) == 3
    assert all("write ids: exact under items" in (hint or "") for hint in hints(bounded, text, "i.csv"))
    assert len(reading(bounded, text, "i.csv", ", ids: exact").items) == 6
    composed = '{"id": "Caf\\u00e9"}\n{"id": "Cafe\\u0301"}\n'
    assert "duplicate id" in refusals(bounded, composed, "i.jsonl", ", ids: exact")[0]


@pytest.mark.parametrize(("name", "text"), [("i.csv", "id,n\na,1\nb,2\nA,3\na,4\n"), ("i.txt", "a\nb\nA\na\n")])
def test_unique_first_takes_the_first_row_of_each_id_and_tells_what_it_left_out(
    bounded: Bounded, name: str, text: str
) -> None:
    found = reading(bounded, text, name, ", unique: first")
    assert ids(found) == ["a", "b"]
    assert found.warnings[0].endswith(": 2 rows with ids of earlier ones were left out, for instance 'A'")
    assert "write unique: first under items" in (hints(bounded, text, name)[0] or "")


def test_addresses_of_any_usual_length_are_ids(bounded: Bounded) -> None:
    url = "https://jobs.example.com/apply?" + "&".join(f"utm_{n}=campaign{n}" for n in range(150))
    assert len(url) > 2_000
    assert ids(reading(bounded, f"url\n{url}\n", "i.csv", ", id: .url")) == [url]


def test_files_may_have_another_id_and_empty_or_capital_ones_are_told(bounded: Bounded) -> None:
    for name, content in [("in/a.pdf", "x"), ("in/b.pdf", " \n"), ("in/C.PDF", "x"), ("in/D.Pdf", "x")]:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content)
    from harness.sources.read import read

    found = read(job_of('{files: "in/*.pdf", id: .name}'), bounded)
    assert ids(found) == ["a.pdf", "b.pdf"]
    assert found.warnings == (
        "1 of 2 files is empty: in/b.pdf",
        "in/*.pdf: in/C.PDF and 1 more differ in the case of the ending only; to take such too, write files: "
        "'in/*.[pP][dD][fF]'",
    )
    assert ids(read(job_of("{files: 'in/*.[pP][dD][fF]', id: $row}"), bounded)) == ["1", "2", "3", "4"]
    with pytest.raises(UsageError) as caught:
        read(job_of('{files: "in/*.pDF"}'), bounded)
    assert "to take such too, write files: 'in/*.[pP][dD][fF]'" in (caught.value.problems[0].hint or "")


@pytest.mark.parametrize("name", ["Review ID", "id-nr", "Größe id", "it's id", '"quoted" id', "a]id"])
def test_what_a_hint_says_about_the_id_is_taken_as_it_stands(bounded: Bounded, name: str) -> None:
    Path("i.jsonl").write_text(json.dumps({name: "x", "text": "a"}))
    (hint,) = hints(bounded, Path("i.jsonl").read_text(), "i.jsonl")
    assert hint is not None
    path = hint.removeprefix("did you mean ").removesuffix("?")
    assert ids(reading(bounded, Path("i.jsonl").read_text(), "i.jsonl", f", id: {path}")) == ["x"]
    with pytest.raises(UsageError) as caught:
        job_of(f"{{file: i.jsonl, id: {json.dumps('.' + name)}}}")
    assert caught.value.problems[0].hint == hint


def test_a_workbook_is_no_file_with_one_item_a_line(bounded: Bounded) -> None:
    assert refusals(bounded, b"PK\x03\x04", "i.xlsx") == ["job.yaml:1:15: items.file: is a workbook"]
    assert hints(bounded, b"PK\x03\x04", "i.xlsx") == ["write items: {xlsx: i.xlsx} in place of file"]
    assert hints(bounded, b"PK\x03\x04", "i.ods") == ["save it as .xlsx"]
    assert refusals(bounded, "a", "i.yml")[0].endswith(
        "expected a file that ends with .json, .jsonl, .ndjson, .txt, .csv, .tsv, got 'i.yml'"
    )


def test_words_for_tables_are_refused_where_there_is_none(bounded: Bounded) -> None:
    assert "items.delimiter: is for tables" in refusals(bounded, "{}", "i.jsonl", ', delimiter: ";"')[0]
    assert "items.columns: is for tables" in refusals(bounded, "a", "i.txt", ", columns: [a]")[0]
    assert "expected a different name for each column" in refusals(bounded, "a", "i.csv", ", columns: [a, a]")[0]
    with pytest.raises(UsageError, match="is for items of one file"):
        job_of('{files: "*.txt", encoding: utf-8}')
