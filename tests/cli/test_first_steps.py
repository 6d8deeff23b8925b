"""`init` guesses, writes a job that can be checked and rehearsed at once, and overwrites nothing."""

import json
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import yaml

from harness.planning.proposal import survey
from tests.covers import covers

if TYPE_CHECKING:
    from tests.cli.conftest import Desk


def _write(desk: "Desk", files: dict[str, str]) -> None:
    for name, content in files.items():
        path = desk.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@covers("A18")
@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, "found no list of items and no folder of files"),
        ({"leads.csv": "name,score\nAda,1\nAlan,2\n"}, "found 2 leads in leads.csv"),
        ({"data/target_schools_west.json": json.dumps({"batch": "x", "schools": [{"name": "A"}, {"name": "B"}]})},
         "found 2 schools in data/target_schools_west.json"),
        ({"topics.jsonl": '{"id": 1, "word": "a"}\n{"id": 2, "word": "b"}\n'}, "found 2 topics in topics.jsonl"),
        ({"topics.json": '[{"id": 1}, {"id": 2}, {"id": 3}]'}, "found 3 topics in topics.json"),
        ({"codes.json": "[1, 2]"}, "found 2 codes in codes.json"),
        ({"words.json": '["casa", "cane"]'}, "found 2 words in words.json"),
        ({"inbox/a.pdf": "%PDF", "inbox/b.pdf": "%PDF"}, "found 2 files in inbox/*.pdf"),
        ({"a.txt": "one", "b.txt": "two", "c.txt": "three", ".d.txt": "hidden"}, "found 3 files in *.txt"),
        ({"README.md": "x", "LICENSE.md": "x", "notes.md": "x"}, "found no list of items and no folder of files"),
        ({"odd name.json": json.dumps({"my rows": [{"key-1": "a"}, {"key-1": "b"}]})}, "found 2 rows in odd name.json"),
    ],
)  # fmt: skip
def test_what_lies_in_the_folder_becomes_a_job_that_passes_check(
    files: dict[str, str], found: str, desk: "Desk"
) -> None:
    _write(desk, files)
    said = desk.types("init")
    assert said.code == 0
    assert found in said.err
    assert "job.yaml" in said.out
    checked = desk.types("check", "--only", "plan")
    assert checked.code == 0, checked.err
    assert "checks: schema" in checked.out
    planned = desk.types("plan", "--prompt")
    assert planned.code == 0, planned.err
    assert "in one sentence" in planned.out


def test_the_manifest_names_its_schema_for_editors(desk: "Desk") -> None:
    desk.types("init")
    text = (desk.folder / "job.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./job.schema.json\n")
    schema = json.loads((desk.folder / "job.schema.json").read_text())
    assert schema == desk.types("schema").json()
    assert set(yaml.safe_load(text)) <= set(schema["properties"])


def test_nothing_is_overwritten_and_then_nothing_is_written(desk: "Desk") -> None:
    _write(desk, {"prompts/task.md": "mine", "job.yaml": "mine too"})
    said = desk.types("init")
    assert said.code == 2
    assert "job.yaml: already exists; nothing was written" in said.err
    assert "prompts/task.md: already exists; nothing was written" in said.err
    assert (desk.folder / "job.yaml").read_text() == "mine too"
    assert not (desk.folder / "job.schema.json").exists()


def test_whoever_has_no_manifest_hears_of_init_and_a_folder_is_taken_for_what_was_meant(desk: "Desk") -> None:
    assert "hint: `harness init` writes a first job.yaml" in desk.types("check", "--only", "plan").err
    (desk.folder / "reviews").mkdir()
    assert "hint: `harness init reviews` writes a first job.yaml" in desk.types("launch", "reviews").err
    desk.types("init", "reviews")
    for command in ("status", "check", "rehearse"):
        said = desk.types(command, "reviews")
        assert said.code == 2
        assert "hint: did you mean reviews/job.yaml?" in said.err


def test_another_folder_is_made_when_it_is_missing(desk: "Desk") -> None:
    said = desk.types("init", "night/west")
    assert said.code == 0
    assert (desk.folder / "night/west/job.yaml").exists()
    assert "cd night/west" in said.err
    (desk.folder / "file").write_text("")
    assert "is neither a folder" in desk.types("init", "file").err


def test_files_that_tell_nothing_apart_are_not_taken(desk: "Desk") -> None:
    _write(
        desk,
        {
            "twice.csv": "name\nA\na\n",
            "broken.json": "{",
            "nested.json": '[{"a": {}}, {"a": {}}]',
            "package.json": '[{"id": 1}]',
            "good.csv": "id\n1\n",
        },
    )
    source = survey(desk.folder).source
    assert source is not None
    assert source.file == "good.csv"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("people.xls", b"PK", "people.xls: is a workbook of a format that is not supported"),
        ("people.xlsx", b"PK", "people.xlsx: contains text and is not a workbook"),
        ("people.csv", b"a;b,c\n1;2,3\n", "people.csv:1:1: could be cut by commas ('a;b', 'c') or by semicolons ("),
        ("people.jsonl", b'{"id": 1}\n{"id": \n', "people.jsonl:2:8: is not JSON: expecting value"),
        ("people.json", b"{", "people.json:1:2: is not JSON: expecting property name"),
    ],
)
def test_a_list_that_has_to_be_changed_is_named_and_not_guessed_at(
    name: str, content: bytes, told: str, desk: "Desk"
) -> None:
    (desk.folder / name).write_bytes(content)
    said = desk.types("init")
    assert said.code == 2
    assert told in said.err
    assert not (desk.folder / "job.yaml").exists()
    _write(desk, {"words.csv": "word\ncasa\ncane\n"})
    said = desk.types("init")
    assert said.code == 0
    assert "found 2 words in words.csv" in said.err
    assert f"not read: {told}" in said.err


SEMICOLONS = "Kunde Nr;Name;Umsatz, EUR\n1;Müller, GmbH;3,50\n2;Söhne;4\n"


@pytest.mark.parametrize(
    ("name", "content", "items", "said"),
    [
        ("kunden.csv", SEMICOLONS.encode("utf-8-sig"), '{file: "kunden.csv", id: ".Name"}', "has the columns Kunde Nr"),
        ("kunden.csv", SEMICOLONS.encode("cp1252"), '{file: "kunden.csv", encoding: "windows-1252", id: ".Name"}',
         "is not UTF-8 and was taken for windows-1252"),
        ("x.tsv", "a b\tc\n1\t1\n2\t1\n".encode("utf-16"), '{file: "x.tsv", id: ".[\\"a b\\"]"}', "identified by .["),
        ("x.txt", "a b\tc\n1\t1\n2\t1\n".encode("utf-16"), '{file: "x.txt", delimiter: "tab", id: ".[\\"a b\\"]"}', ""),
        ("urls.txt", b"https://a.example/1\nhttps://a.example/2\n", '{file: "urls.txt", id: ".value"}', "found 2 urls"),
        ("leads.csv", b"https://a.example/1\nhttps://a.example/2\n",
         '{file: "leads.csv", columns: ["url"], id: ".url"}', "seems to have no header"),
        ("x.jsonl", b'{"text": "a", "id": 1}\n{"text": "b", "id": 2}\n', '{file: "x.jsonl", id: ".id"}', ""),
        ("x.json", b'{"acme": {"n": 1}, "beta": {"n": 2}}', '{file: "x.json", rows: "to_entries[]", id: ".key"}', ""),
        ("x.json", b'{"a b": {"schools": [{"id": 1}, {"id": 2}], "n": 3}}',
         '{file: "x.json", rows: ".[\\"a b\\"].schools[]", id: ".id"}', "found 2 schools"),
        ("v.csv", b"id,n\nAb,1\nab,1\n", '{file: "v.csv", id: ".id", ids: "exact"}', "some differ in case only"),
        ("v.csv", b"a,email\n1,x@y.z\n1,y@y.z\n1,x@y.z\n", '{file: "v.csv", id: "$row"}',
         "1 of 3 rows repeat their 'email'; to take each once: id: '.email', unique: first"),
        ("v.csv", b"id,n\n1,A\n1,B\n2,C\n", '{file: "v.csv", id: ".n"}', "1 of 3 rows repeat their 'id'"),
        ("v.csv", b"a,n\nx,1\nx,1\n", '{file: "v.csv", id: "$row"}', "no field identifies a row"),
        ("in/S2.PDF", b"%PDF", '{files: "in/*.PDF"}', "found 1 file in in/*.PDF"),
        ("in [x]/2024/S2.pdf", b"%PDF", '{files: "in [[]x]/**/*.pdf"}', "found 1 file"),
    ],
)  # fmt: skip
def test_what_init_writes_for_lists_as_people_have_them_passes_check(
    name: str, content: bytes, items: str, said: str, desk: "Desk"
) -> None:
    path = desk.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    answer = desk.types("init")
    assert answer.code == 0, answer.err
    assert said in answer.err
    assert f"\nitems: {items}" in (desk.folder / "job.yaml").read_text()
    checked = desk.types("check", "--only", "plan")
    assert checked.code == 0, checked.err


def test_capital_endings_beside_small_ones_are_taken_together(desk: "Desk") -> None:
    _write(desk, {"in/a.pdf": "x", "in/B.PDF": "x", "notes.txt": "x", "todo.txt": "y"})
    assert "found 2 files in in/*.[pP][dD][fF]" in desk.types("init").err
    assert desk.types("check", "--only", "plan").code == 0


def test_all_that_was_seen_and_not_taken_is_named_with_what_to_write(desk: "Desk") -> None:
    other = {"data/scan.pdf": "x", "book.xlsx": "PK", "set.json": "{}", "dump.xml": "<x/>", "lines.txt": "a\nb\n"}
    _write(desk, {"leads.csv": "name\nA\n", "words.csv": "word\ncasa\ncane\n", **other})
    said = desk.types("init").err
    assert "found 2 words in words.csv" in said
    write = "to use it, set in job.yaml: items:"
    assert f'not used: leads.csv (1 lead); {write} {{file: "leads.csv", id: ".name"}}' in said
    assert f'not used: data/*.pdf (1 file); {write} {{files: "data/*.pdf"}}' in said
    assert f'not used: lines.txt (2 lines); {write} {{file: "lines.txt", id: ".value"}}' in said
    assert "not read: book.xlsx: contains text and is not a workbook; a CSV file is named so" in said
    assert "not used: set.json holds no list" in said
    assert "not used: dump.xml has a format that is not supported" in said


def test_a_workbook_becomes_a_job_sheet_by_sheet_and_so_does_a_list_that_is_named(desk: "Desk") -> None:
    sheets: dict[str, list[list[Any]]] = {
        "Inputs": [["what", "value"], ["strategy", 10]],
        "Leads": [["All leads"], ["lead_id", "company"], ["a", "A"], ["b", "B"]],
    }
    book = openpyxl.Workbook()
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    (desk.folder / "west").mkdir()
    for path in ("leads.xlsx", "west/leads.xlsx", "west/leads.results.xlsx", "west/~$leads.xlsx"):
        book.save(desk.folder / path)
    _write(desk, {"words.csv": "word\na\nb\nc\n"})
    said = desk.types("init", "leads.xlsx").err
    assert "found 2 leads in leads.xlsx:Leads, identified by .lead_id" in said and "words.csv" not in said
    assert 'job.yaml: items: {xlsx: "leads.xlsx", sheet: "Inputs", id: ".value"}' in said
    assert desk.types("check", "--only", "plan").code == 0
    assert "found 2 leads in leads.xlsx:Leads" in desk.types("init", "west").err
    written = (desk.folder / "west/job.yaml").read_text()
    assert '\nitems: {xlsx: "leads.xlsx", sheet: "Leads", header: 2, id: ".lead_id"}' in written


def test_a_fresh_job_rehearses_at_once_and_says_rehearsal(desk: "Desk") -> None:
    desk.types("init")
    said = desk.types("rehearse")
    assert said.code == 0, said.err
    assert "3 of 3 people done" in said.out
    assert "finished, rehearsal" in said.out
    assert "At list prices these scripted responses would cost $0.0" in said.out
    assert "`pilot: 3` estimates a real run" in said.out
    assert "no model, no cost" in said.err
    state = desk.folder / ".harness/job.rehearsal"
    assert len(json.loads((state / "output/results.json").read_text())) == 3
    assert not (desk.folder / "output").exists()
    again = desk.types("rehearse", "--faults", "529:1, stall")
    anew = "`harness rehearse --reset --faults '529:1, stall'` starts over"
    assert f"no session was started, because every item is settled; {anew}\n" in again.err
    assert "no session was started" not in desk.types("rehearse").err
    healed = desk.types("rehearse", "--reset", "--faults", "529:1", "--only", "Ada Lovelace", "--plain")
    assert "no session was started" not in healed.err
    chosen = desk.types("rehearse", "--faults", "529:1", "--only", "Ada Lovelace")
    assert "no session was started, because every chosen item is settled" in chosen.err
    assert "Injected faults: 529 x1" in healed.out
    assert "Ada Lovelace" in desk.types("why", "Ada Lovelace", "--rehearsal").out
    assert list((desk.folder / ".harness").glob("job.rehearsal.backup-*"))


def test_wrong_faults_and_a_wrong_scene_start_nothing(desk: "Desk") -> None:
    desk.types("init")
    said = desk.types("rehearse", "--faults", "limt:2, 529:x")
    assert said.code == 2
    assert "did you mean 'limit'" in said.err
    assert "2 problems; nothing was started" in said.err
    assert not (desk.folder / ".harness").exists()


def test_the_prompt_of_init_is_good_for_batches_too(desk: "Desk") -> None:
    desk.types("init")
    manifest = desk.folder / "job.yaml"
    manifest.write_text(manifest.read_text().replace("batch: {size: 1}", "batch: {size: 2}"))
    said = desk.types("plan", "--prompt")
    assert said.code == 0, said.err
    assert "- Ada Lovelace: " in said.out and "- Alan Turing: " in said.out
