"""The example of leads: its cells are the document's, and its scene knows what the requests say and no more."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import run
from harness.job.batch_plan import against, read_plan
from harness.job.load import load
from harness.planning.selections import read_items
from harness.rehearsal.scene import Ask, InjectedFault, Records
from tests.covers import covers

LEADS = Path(__file__).resolve().parents[2] / "examples/leads"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example with the workbook of twelve leads, batches of five."""
    folder = tmp_path / "leads"
    shutil.copytree(LEADS, folder, ignore=shutil.ignore_patterns("clients", "output", ".harness", "__pycache__"))
    words = ["make_workbook.py", "--leads", "12", "--batch", "5"]
    subprocess.run([sys.executable, *words], cwd=folder, check=True, capture_output=True)
    monkeypatch.chdir(folder)
    return folder


def scene_of(folder: Path) -> Any:
    names: dict[str, Any] = {}
    exec(compile((folder / "scenes.py").read_text(), "scenes.py", "exec"), names)
    return names["scene"]


def an_ask(phase: str, items: list[dict[str, Any]], job_vars: dict[str, Any], **more: Any) -> Ask:
    fields: dict[str, Any] = {
        "batch": "1", "ids": [item["id"] for item in items], "tries": 0, "attempt": 1, "reasons": {},
        "output": {}, "context": {}, "cwd": "", "turn": 0, "prompt": "", "tool_results": [], "seed": 0,
    } | more  # fmt: skip
    return Ask(phase=phase, items=items, vars=job_vars, **fields)


@covers("F6", "F7", "F8", "F9", "F10", "F13", "F22", "A3")
def test_the_cells_are_those_of_the_document_and_check_is_content(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = load(folder / "job.yaml", rehearsal=True)
    assert [phase.name for phase in job.phases] == ["onboard", "prepare", "compose", "dossiers"]
    places = {cell.place.rpartition(":")[2] for cell in job.cells}
    inputs = {f"Batch Composer Inputs!{cell}" for cell in ("B2", "B3", "B4", "B6")}
    assert inputs | {"Prompts!C16"} <= places
    assert job.vars["strategy"]["batch_size"] == 5
    assert [str(item.id) for item in read_items(job).items] == ["acme"]
    assert run(["check", "--rehearsal"]) == 0
    assert run(["plan", "--rehearsal", "--prompt", "--phase", "dossiers"]) == 0
    told = capsys.readouterr().out
    assert "## lead_001" in told and "Birch Labs 1" in told


@covers("F18", "F23", "A6")
def test_the_composer_s_slip_is_healed_by_its_reason_and_follows_the_cells(folder: Path) -> None:
    job, scene = load(folder / "job.yaml", rehearsal=True), scene_of(folder)
    item: dict[str, Any] = {"id": "acme", "data": {}, "file": None, "records": [{"brief": "x"}]}
    ids = [row[0] for row in job.vars["leads"]]

    def plan(job_vars: dict[str, Any], **more: Any) -> tuple[Any, list[str]]:
        reply = scene(an_ask("compose", [item], job_vars, **more))
        assert isinstance(reply, Records)
        (record,) = list(reply.records)
        read, flaws = read_plan(record)
        return read, [flaw.kind for flaw in (*flaws, *against(read, ids, "lead"))]

    first, flaws = plan(dict(job.vars))
    assert "repeated_id" in flaws
    healed, flaws = plan(dict(job.vars), reasons={"acme": ["twice"]})
    assert (flaws, [len(batch) for batch in healed.batches]) == ([], [5, 5, 2])
    assert (healed.pace.starts_per_minute, healed.pace.at_once) == (10, 3)
    other = {**job.vars, "icp_config": {**job.vars["icp_config"], "industry_first": "Energy"}}
    assert plan(other, reasons={"acme": ["x"]})[0].batches != healed.batches
    assert first.batches[0] == healed.batches[0]


def test_dossiers_say_what_the_row_says_and_pass_the_check(folder: Path) -> None:
    scene = scene_of(folder)
    rows: list[dict[str, Any]] = [
        {"id": f"lead_{n:03d}", "data": {"company": f"C{n}", "contact": "A", "industry": "Retail", "employees": 9,
         "signal": "moved", "signal_strength": n}, "file": None, "records": []} for n in (1, 2)
    ]  # fmt: skip
    plain = scene(an_ask("dossiers", rows, {}, batch="1.1"))
    assert isinstance(plain, Records)
    texts = dict(plain.records) if isinstance(plain.records, dict) else {}
    assert "C1" in texts["lead_001"] and len(texts["lead_002"]) > 120
    assert isinstance(scene(an_ask("dossiers", rows, {}, batch="1.2")), InjectedFault)


def test_the_workbook_is_the_same_every_time_and_is_never_written_over(folder: Path) -> None:
    again = [sys.executable, "make_workbook.py"]
    assert subprocess.run(again, cwd=folder, capture_output=True).returncode == 2
    subprocess.run([*again, "clients/other.xlsx", "--leads", "3"], cwd=folder, check=True, capture_output=True)
    job = load(folder / "job.yaml", rehearsal=True, settings=["vars.client=other"])
    assert len(job.vars["leads"]) == 3
    assert json.loads(json.dumps(job.vars["strategy"]))["priority_order"] == "signal_strength"
