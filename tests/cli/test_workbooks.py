"""Statuses and results in a copy of the user's workbook: when it is written, what it never does to the user's own."""

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from harness.base.artifacts import ArtifactStore
from harness.job.load import load
from harness.ledger import written_back
from harness.ledger.contents import contents_of
from harness.sources.item_naming import ids_of_rows
from harness.supervisor.workbook_writer import WriteBacks, value_of
from tests.covers import covers

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

WORKER = """\
import json, os

records = []
for item in json.load(open("items.json")):
    how = item["data"]["how"]
    if how != "bad" or int(os.environ["HARNESS_ATTEMPT"]) > 2:
        records.append({"id": item["id"], "summary": "=1+1 " + how, "score": len(how), "tags": ["a", "b"]})
json.dump(records, open(os.environ["HARNESS_OUTPUT"], "w"))
"""
LEADS: list[list[Any]] = [
    ["All leads", None, None],
    ["lead_id", "how", "Status"],
    ["lead_001", "good", "new"],
    ["lead_002", "bad", "new"],
    ["lead_003", "fine", "new"],
]
COLUMNS = "{Status: .state, Summary: .summary, Fit: .score, Tags: .tags, Why: .reason, Tries: .attempts}"


def job(desk: "Desk", *, back: str = f"columns: {COLUMNS}", more: str = "", rows: Sequence[Any] = LEADS) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Leads"
    for row in rows:
        book.active.append(row)
    book.create_sheet("Other")["A1"] = '=COUNTIF(Leads!C:C,"done")'
    book.save("leads.xlsx")
    Path("worker.py").write_text(WORKER)
    fields = "fields: {id: string, summary: string, score: integer, tags: array}"
    Path("job.yaml").write_text(
        "job: Leads\nnoun: lead\nitems: {xlsx: leads.xlsx, sheet: Leads, id: .lead_id}\nbatch: {size: 3}\nstrikes: 2\n"
        f"session: {{backend: command, command: [{sys.executable}, worker.py], prompt: count them}}\n"
        f"rehearsal: {{session: {{command: [{sys.executable}, worker.py]}}}}\n"
        f"output: {{{fields}, merge: output/all.json, write_back: {{{back}}}}}\n{more}"
    )


def copy_of(path: str = "output/leads.results.xlsx") -> list[list[Any]]:
    rows = openpyxl.load_workbook(path)["Leads"].iter_rows(min_row=2)
    return [[cell.value for cell in row] for row in rows]


def sha(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@covers("F12", "A5")
def test_a_run_leaves_statuses_and_results_in_a_copy_and_the_workbook_as_it_was(desk: "Desk") -> None:
    job(desk)
    before = sha("leads.xlsx")
    said = desk.types("check", "--only", "plan")
    assert said.code == 0 and "fields    lead_id, how\n" in said.out, "the column of the status is no part of an item"
    assert "workbook  Status = .state, Summary = .summary (new column), Fit" in said.out
    as_written = Path("job.yaml").read_text()
    Path("job.yaml").write_text(as_written.replace("{Status: .state, ", "{Stauts: .state, "))
    told = desk.types("check", "--only", "plan").out
    assert "workbook  Stauts = .state (new column; did you mean Status?), Summary = .summary (new column)" in told
    Path("job.yaml").write_text(as_written)
    claude = "session={backend: claude, model: sonnet, prompt: '{% for item in items %}{{ item.Status }}{% endfor %}'}"
    asked = desk.types("check", "--only", "plan", "--set", claude, "--set", "budget=1", "--set", "rehearsal={}")
    assert "there is no 'Status'" in asked.err and "; write_back fills Status, Summary, Fit, Tags, Wh" in asked.err
    said = desk.types("launch")
    assert said.code == 1
    assert "Workbook: output/leads.results.xlsx, 3 rows" in desk.types("status").out
    assert copy_of() == [
        ["lead_id", "how", "Status", "Summary", "Fit", "Tags", "Why", "Tries"],
        ["lead_001", "good", "done", "=1+1 good", 4, '["a", "b"]', None, 1],
        ["lead_002", "bad", "failed", None, None, None, copy_of()[2][6], 2],
        ["lead_003", "fine", "done", "=1+1 fine", 4, '["a", "b"]', None, 1],
    ]
    assert copy_of()[2][6], "the reasons of a failed item are there"
    assert openpyxl.load_workbook("output/leads.results.xlsx")["Leads"]["D3"].data_type == "s"
    assert sha("leads.xlsx") == before
    written = sha("output/leads.results.xlsx")
    desk.types("retry", "lead_002")
    said = desk.types("status")
    assert "out of date" not in said.out or "1 change since it was written" in said.out
    assert desk.types("launch").code == 0
    assert copy_of()[2][2:5] == ["done", "=1+1 bad", 3] and sha("output/leads.results.xlsx") != written
    assert desk.types("status", "--json").json()["workbooks"] == [
        {"file": "output/leads.results.xlsx", "rows": 3, "is_current": True, "problem": None}
    ]
    time = Path("output/leads.results.xlsx").stat().st_mtime_ns
    desk.types("launch")
    desk.types("report")
    assert Path("output/leads.results.xlsx").stat().st_mtime_ns == time, "what is up to date is not written again"
    Path("output/leads.results.xlsx").unlink()
    assert "written: output/leads.results.xlsx, 3 rows with statuses and results" in desk.types("report").err
    assert copy_of()[2][2] == "done"
    (note,) = written_back.read(Path(".harness/job")).values()
    written_back.write(Path(".harness/job"), {1: replace(note, reflects=1)})
    late = r"out of date: \d+ changes since it was written; `harness report` updates it"
    assert re.search(late, desk.types("status").out)
    Path("output/leads.results.xlsx").write_text("with my notes")
    desk.types("report")
    assert "out of date" not in desk.types("status").out
    assert Path("output/leads.results.xlsx.edited-1").read_text() == "with my notes", "what somebody changed is kept"
    assert copy_of()[2][2] == "done"
    assert sha("leads.xlsx") == before
    assert desk.types("launch", "--reset").code == 1
    kept = list(Path(".harness").glob("job.backup-*/outputs-before-reset/output/leads.results.xlsx"))
    assert len(kept) == 1 and copy_of()[2][2] == "failed"


def test_a_file_that_this_job_did_not_write_is_not_replaced(desk: "Desk") -> None:
    job(desk)
    Path("output").mkdir()
    Path("output/leads.results.xlsx").write_text("mine")
    said = desk.types("launch")
    assert said.code == 2
    assert "output/leads.results.xlsx: is there already, and this job did not write it" in said.err


def test_in_place_the_workbook_is_written_itself_unless_it_is_open_or_was_changed(desk: "Desk") -> None:
    job(desk, back=f"columns: {COLUMNS}, in_place: true")
    before = Path("leads.xlsx").read_bytes()
    Path("~$leads.xlsx").touch()
    assert desk.types("launch").code == 1, "nothing that keeps a workbook from being written ends a run"
    for lock in ("~$leads.xlsx", ".~lock.leads.xlsx#"):
        Path(lock).touch()
        told = f"leads.xlsx: is open in another program ({lock} is there); close it, then "
        assert f"leads.xlsx was not written: {told}run the command again" in desk.types("report").err
        assert f"not written: {told}`harness report` writes it" in desk.types("status").out
        assert Path("leads.xlsx").read_bytes() == before
        Path(lock).unlink()
    assert "written: leads.xlsx, 3 rows" in desk.types("report").err
    assert Path("leads.before.xlsx").read_bytes() == before
    assert copy_of("leads.xlsx")[1][2:5] == ["done", "=1+1 good", 4]
    desk.types("retry", "--failed")
    assert desk.types("launch").code == 0, "its own results in the workbook change no item"
    assert copy_of("leads.xlsx")[2][2] == "done" and not Path("leads.before-2.xlsx").exists()
    assert not Path("output/leads.results.xlsx").exists()
    found = load(Path("job.yaml"))
    store = ArtifactStore(found.state / "artifacts", contents_of(found.state / "ledger.db"))
    backs = WriteBacks(found, found.state / "ledger.db", store)
    book = openpyxl.load_workbook("leads.xlsx")
    book["Other"]["E9"] = "a note of mine"
    book.save("leads.xlsx")
    changed = sha("leads.xlsx")
    backs.write()
    assert "not written: leads.xlsx: was changed after this run had read it" in desk.types("status").out
    assert sha("leads.xlsx") == changed
    desk.types("report")
    assert copy_of("leads.xlsx")[2][2] == "done", "who asks again has it as it is now"
    assert openpyxl.load_workbook("leads.xlsx")["Other"]["E9"].value == "a note of mine"


def test_a_rehearsal_writes_into_a_copy_of_its_own_whatever_is_asked_for(desk: "Desk") -> None:
    job(desk, back="columns: {Status: .state}, in_place: true")
    before = sha("leads.xlsx")
    desk.types("rehearse")
    assert sha("leads.xlsx") == before and not Path("output").exists()
    assert copy_of(".harness/job.rehearsal/output/leads.results.xlsx")[1][2] == "done"


@pytest.mark.parametrize(
    ("back", "said"),
    [
        ("columns: {Status: .stat}", "output.write_back.columns.Status: no record has 'stat': `fields` does not name"),
        ("columns: {Status: .record.scroe}", "no record has 'scroe': `fields` does not name it, did you mean 'score'"),
        ("columns: {Status: state}", "output.write_back.columns.Status: expected a path such as .id"),
        ("columns: {}", "output.write_back.columns: expected a column such as Status: .state"),
        ("columns: {A: .id, a: .state}", "output.write_back.columns.a: expected a different name for each column"),
        ("columns: {A: .id}, to: x.csv", "output.write_back.to: expected a name that ends with .xlsx"),
        ("columns: {A: .id}, to: leads.xlsx", "output.write_back.to: is the workbook itself"),
        ("columns: {A: .id}, to: x.xlsx, in_place: true", "output.write_back.to: is for a copy"),
        ("columns: {A: .id}, xlsx: job.yaml", "output.write_back.xlsx: expected a file that ends with .xlsx or .xlsm"),
        ("colums: {A: .id}", "output.write_back.colums: unknown key, did you mean 'columns'?"),
        ("columns: {lead_id: .id}, id: .lead_id", "output.write_back.columns: 'lead_id' is the column of the id"),
        ("columns: {A: .id}, sheet: Leeds", "leads.xlsx: has no sheet 'Leeds'"),
        ("columns: {A: .id}, id: .nr", "leads.xlsx:Leads!2: names no column 'nr' for the id"),
        ("columns: {A: .id}, id: .how", "leads.xlsx:Leads: no row has the id of lead 'lead_001' or any other at .how"),
        ("columns: {how: .state}, sheet: Other, header: 1", "leads.xlsx:Other!1: names no column 'lead_id'"),
    ],
)  # fmt: skip
def test_what_could_not_be_written_back_is_refused_before_anything_runs(desk: "Desk", back: str, said: str) -> None:
    job(desk, back=back)
    if "Other" in back:
        book = openpyxl.load_workbook("leads.xlsx")
        book["Other"]["A1"] = "how"
        book.save("leads.xlsx")
    answer = desk.types("check", "--only", "plan")
    assert answer.code == 2
    assert said in answer.err


def test_a_workbook_that_is_not_there_is_told_once(desk: "Desk") -> None:
    job(desk)
    Path("job.yaml").write_text(Path("job.yaml").read_text().replace("leads.xlsx", "{as}.xlsx"))
    for instance in ((), ("--as", "acme")):
        told = desk.types("check", "--only", "plan", *instance)
        assert told.code == 2 and "which workbook?" not in told.err


def test_of_a_file_only_what_its_record_has_can_be_written_back(desk: "Desk") -> None:
    job(desk, back="columns: {Status: .status, Text: .text, Size: .record.size, File: .file}")
    text = re.sub(
        r"fields: {.*?}, merge: output/all.json", 'shape: files, file: "{id}.md"', Path("job.yaml").read_text()
    )
    Path("job.yaml").write_text(text)
    said = desk.types("check", "--only", "plan")
    assert said.code == 2 and said.err.count("no record has") == 2, "size and file are there"
    has = "that of a file has file, id, sha, size"
    assert f"columns.Status: no record has 'status': {has}, did you mean 'state'?" in said.err
    assert f"columns.Text: no record has 'text': {has}" in said.err


def test_a_column_of_formulas_is_refused_and_a_signed_workbook_too(desk: "Desk") -> None:
    import zipfile

    formulas = [*LEADS[:2], ["lead_001", "good", "=1+1"]]
    job(desk, rows=formulas)
    said = desk.types("check", "--only", "plan")
    assert said.code == 2 and "leads.xlsx:Leads!C3: has a formula, which a result would replace" in said.err
    job(desk)
    with zipfile.ZipFile("leads.xlsx", "a") as archive:
        archive.writestr("_xmlsignatures/sig1.xml", "<Signature/>")
    assert "leads.xlsx: is signed, and the signature would not hold" in desk.types("check", "--only", "plan").err


def test_the_values_of_an_item_with_several_records_stand_side_by_side() -> None:
    state = written_back.WrittenItem("done", (), 2)
    records = [{"score": 3, "state": "CA"}, {"score": 5, "state": "NV"}, {"score": 3}]
    assert value_of(".score", "a", state, records) == "3; 5"
    assert value_of(".state", "a", state, records) == "done"
    assert value_of(".record.state", "a", state, records) == "CA; NV"
    assert value_of(".id", "a", state, []) == "a" and value_of(".score", "a", state, []) is None
    assert value_of(".x", "a", state, [{"x": {"y": [1, None]}}]) == '{"y": [1, null]}'


def test_rows_are_found_by_names_that_an_alias_file_knows_and_by_their_numbers(desk: "Desk") -> None:
    job(desk, back="columns: {Status: .state}")
    text = Path("job.yaml").read_text()
    Path("names.json").write_text(json.dumps({"One": ["lead_001"], "Two": ["lead_002"], "Three": ["lead_003"]}))
    Path("job.yaml").write_text(text.replace("id: .lead_id}", "id: .lead_id, match: names.json}"))
    desk.has_typed("launch", code=1)
    assert [row[2] for row in copy_of()[1:]] == ["done", "failed", "done"]
    assert ids_of_rows([{"a": "x"}, {"a": None}, {"a": "x"}], "$row", None) == {"1": 0, "2": 1, "3": 2}
    assert ids_of_rows([{"a": "x "}, {"a": None}, {"a": "x"}, {"a": 7}], ".a", None) == {"x": 0, "7": 3}


CHAIN = """\
import json, os

(item,) = json.load(open("items.json"))
plan = {"batches": [{"batch_id": 1, "leads": ["lead_003", "lead_001"]}]}
good = {"id": item["id"], "summary": "good", "score": 1, "tags": ["a"]}
json.dump([plan | {"id": "acme"} if item["id"] == "acme" else good], open(os.environ["HARNESS_OUTPUT"], "w"))
"""


def test_in_a_chain_the_rows_are_those_of_the_source_that_a_phase_joins(desk: "Desk") -> None:
    job(desk)
    Path("worker.py").write_text(CHAIN)
    Path("clients.csv").write_text("id\nacme\n")
    made = '{rows: ".batches[].leads[]", join: {xlsx: leads.xlsx, sheet: Leads, id: .lead_id}, left_out: allow}'
    Path("job.yaml").write_text(
        "job: Leads\nitems: {file: clients.csv}\n"
        f"session: {{backend: command, command: [{sys.executable}, worker.py], prompt: count them}}\n"
        "phases:\n  compose: {output: {}}\n"
        f"  dossiers: {{from: compose, items: {made}, output: {{write_back: {{columns: {{Status: .state}}}}}}}}\n"
    )
    said = desk.types("launch")
    assert said.code == 0, said.err
    assert [row[2] for row in copy_of("leads.results.xlsx")[1:]] == ["done", "new", "done"], "who is left out stays"


def test_who_was_not_selected_is_told_why_and_the_next_instance_may_look_into_the_whole_folder(desk: "Desk") -> None:
    job(desk, back="columns: {Status: .state, Why: .reason}")
    text = Path("job.yaml").read_text()
    Path("job.yaml").write_text(text.replace("id: .lead_id", "id: .lead_id, select: {top: 1, not_in: 'output/*'}"))
    desk.has_typed("launch")
    rows = [("done", None), ("skipped", "not among the top 1: rank 2 of 3, no score")]
    assert [tuple(row[2:4]) for row in copy_of()[1:3]] == rows
    Path("output/all.json.edited-1").write_text("mine")
    assert desk.types("launch", "--as", "w2", "--only", "lead_001").code == 2
    assert "Instances" not in desk.types("status").out, "nothing of it was ever planned"
    assert desk.types("launch", "--as", "w2").code == 1, "the copy of another instance is no earlier output"
    found = [row[2] for row in copy_of("output/leads.results@w2.xlsx")[1:]]
    assert found == ["skipped", "failed", "skipped"]
    assert "Instances: w2 " in desk.types("status").out


@pytest.mark.parametrize(
    ("back", "copies"),
    [
        ("", ["output/leads.results.xlsx", "output/leads.results@acme.xlsx"]),
        (", to: out/x.xlsx", ["out/x.xlsx", "out/x@acme.xlsx"]),
        (', to: "out/{as}.xlsx"', ["", "out/acme.xlsx"]),
    ],
)
def test_no_two_instances_write_one_copy(back: str, copies: list[str], desk: "Desk") -> None:
    job(desk, back=f"columns: {{Status: .state}}{back}")
    for instance, copy in zip((None, "acme"), copies, strict=True):
        if copy:
            spec = load(Path("job.yaml"), instance=instance).phase(1).output.write_back
            assert spec is not None and spec.to == desk.folder / copy


def test_init_names_the_row_of_the_header_and_offers_the_column_of_the_status(desk: "Desk") -> None:
    job(desk)
    Path("job.yaml").unlink()
    assert desk.types("init", "leads.xlsx").code == 0
    text = Path("job.yaml").read_text()
    assert "header: 2" in text
    assert '  # write_back: {columns: {"Status": .state}} #' in text
    Path("job.yaml").write_text(text.replace("  # write_back", "  write_back"))
    said = desk.types("check", "--only", "plan")
    assert "was taken for the header" not in said.err
    assert said.code == 0 and "workbook  Status = .state, written into output/leads.results.xlsx" in said.out
