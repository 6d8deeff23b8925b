"""Document 001 as it was written: its fenced blocks, its tests 4.1 to 4.3 and its pre-flight list, on sessions of a
small program in the place of Claude."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl

from harness.job.load import load
from tests.checker.laws import broken_laws
from tests.checker.record import Record
from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]
LIST = """\
{
  "batch_name": "West Region 2026",
  "created": "2026-01-31",
  "schools": [
    {
      "name": "University of Colorado",
      "conference": "Big 12",
      "state": "CO",
      "priority": 1
    }
  ]
}
"""
PROGRESS = """\
{
  "batch_name": "West Region 2026",
  "started": null,
  "last_updated": null,
  "current_school": null,
  "completed": [],
  "failed": [],
  "pending": []
}
"""
CACHED, FRESH, PROBLEM = "University of Oregon", "University of Colorado", "University of New Mexico"
WORKER = f"""\
import json, os
[item] = json.load(open("items.json"))
step = {{"years": "2019", "school": "Troy University", "position": "Coach", "source_url": "https://a.example/" }}
coaches = [{{"name": name, "position": "Coach", "career": [step], "nmdp_overlap": overlap,
             "overlap_details": "x", "data_quality": "low"}} for name, overlap in (("A", "YES"), ("B", "NO"))]
report = {{"school": item["id"], "retrieved": "2026-01-31", "coaches": coaches, "notes": ""}}
if item["id"] == {PROBLEM!r}:
    report["coaches"] = []
json.dump(report, open(os.environ["HARNESS_OUTPUT"], "w"))
"""


def _job(folder: Path, *schools: str) -> Path:
    """The repository's own job with a program for sessions, and a list of these schools."""
    for name in ("data", "prompts", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "batch_progress.json").write_text(PROGRESS)
    (folder / "worker.py").write_text(WORKER)
    (folder / "job.yaml").write_text(
        "job: West Region 2026\nnoun: school\n"
        'items: {file: data/target_schools_west.json, rows: ".schools[]", id: .name, match: data/school_aliases.json}\n'
        "session: {backend: command, command: [python3, worker.py], prompt: prompts/batch_loop.md}\n"
        "output:\n  {file: report.json, shape: one, key: .school, schema: data/report.schema.json,\n"
        "   check: [{jq: '.coaches | length > 0', says: name at least one coach}], merge: output/warm_leads.json}\n"
        "strikes: 3\nparallel: 3\nreuse: 30d\n"
    )
    _list(folder, *schools)
    return folder


def _list(folder: Path, *schools: str) -> None:
    rows = [{"name": name, "conference": "Big 12", "state": "CO", "priority": 1} for name in schools]
    (folder / "data" / "target_schools_west.json").write_text(json.dumps({"batch_name": "West", "schools": rows}))


def _types(folder: Path, block: str, *, answer: str = "") -> "subprocess.CompletedProcess[str]":
    """A command block of the document in a shell, from the project's folder."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "HARNESS_TRUST": "1"}
    return subprocess.run(
        ["bash", "-c", block], cwd=folder, env=environment, input=answer, capture_output=True, text=True, check=False
    )


def _progress(folder: Path) -> Any:
    return json.loads((folder / "batch_progress.json").read_text())


def _rows(file: Path) -> Sequence[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


@covers("F34", "F35", "F36", "F38", "F42", "F43", "F44", "F45", "F46", "F47", "F51", "F53", "F65", "F72")
def test_every_block_of_the_document_runs_or_loads(tmp_path: Path) -> None:
    folder = _job(tmp_path)
    (folder / "data" / "target_schools_west.json").write_text(LIST)
    assert load(folder / "job.yaml").name == "West Region 2026"
    said = _types(folder, "cd scripts && python3 batch_init.py")
    assert said.returncode == 0, said.stderr
    assert _progress(folder)["pending"] == ["University of Colorado Boulder"], "the document's name is an alias"
    assert set(json.loads(PROGRESS)) <= set(_progress(folder))
    assert _types(folder, "cd scripts && python3 batch_init.py --reset  # Force fresh start").returncode == 0
    assert "1 pending" in _types(folder, "cd scripts && python3 batch_status.py").stdout.replace("schools ", "")
    assert _types(folder, "./scripts/launch_batch.sh --yes").returncode == 0
    assert _types(folder, "cd scripts && python3 batch_resume.py").returncode == 0
    report = _types(folder, "cd scripts && python3 generate_master_report.py")
    assert report.returncode == 0 and "Total NMDP overlaps found: 1" in report.stdout, report.stderr
    assert (folder / "output" / f"master_report_{date.today()}.xlsx").exists()


@covers("F39", "F41")
def test_the_progress_file_of_the_repository_is_the_document_s() -> None:
    assert json.loads((ROOT / "batch_progress.json").read_text()) == json.loads(PROGRESS)


@covers("F40", "F54", "F55", "F56", "F57", "F66", "F70", "F71", "F79", "F80", "F81", "A17", "A22")
def test_4_2_three_schools_of_which_one_is_cached_and_one_is_a_problem(tmp_path: Path) -> None:
    folder = _job(tmp_path, CACHED)
    assert _types(folder, "harness launch --as earlier").returncode == 0
    _list(folder, CACHED, FRESH, PROBLEM)
    assert _types(folder, "cd scripts && python3 batch_init.py").returncode == 0
    assert len(_progress(folder)["pending"]) == 3
    said = _types(folder, "./scripts/launch_batch.sh --yes --max-iterations 30")
    assert said.returncode == 1, said.stderr
    progress = _progress(folder)
    assert sorted(progress["completed"]) == [f"{FRESH} Boulder", CACHED]
    assert [(failed["name"], failed["attempts"]) for failed in progress["failed"]] == [(PROBLEM, 3)]
    assert "name at least one coach" in progress["failed"][0]["reason"]
    assert progress["pending"] == [] and progress["current_school"] is None
    assert _sessions(folder) == 4, "none for the cached one, one for the new one, three for the problem"
    for script in ("generate_master_report.py", "aggregate_results.py --from ../output/schools"):
        assert _types(folder, f"cd scripts && python3 {script}").returncode == 0
        rows = _rows(folder / "output" / f"master_report_{date.today()}.csv")
        assert sorted((row["School Searched"], row["NMDP Overlap"]) for row in rows) == [
            (f"{FRESH} Boulder", "NO"),
            (f"{FRESH} Boulder", "YES"),
            (CACHED, "NO"),
            (CACHED, "YES"),
        ]
        book = openpyxl.load_workbook(folder / "output" / f"master_report_{date.today()}.xlsx")
        assert len(list(book["Warm leads"].iter_rows())) == 3, "the header and a warm lead of each school"
    assert list(broken_laws(folder / ".harness" / "job")) == []


def _sessions(folder: Path) -> int:
    return len(Record(folder / ".harness" / "job").of("AttemptStarted"))


def test_4_2_a_cap_that_is_reached_is_said_and_the_rest_stays_pending(tmp_path: Path) -> None:
    folder = _job(tmp_path, CACHED, FRESH, PROBLEM)
    _types(folder, "cd scripts && python3 batch_init.py")
    said = _types(folder, "./scripts/launch_batch.sh --yes --max-iterations 2")
    assert said.returncode == 3, said.stderr
    assert "the cap of 2 sessions is reached" in said.stdout + said.stderr
    progress = _progress(folder)
    assert len(progress["completed"]) + len(progress["pending"]) + len(progress["failed"]) == 3
    assert progress["pending"]


@covers("F50", "F67", "F76", "F83")
def test_4_3_ten_schools_each_in_a_session_of_its_own(tmp_path: Path) -> None:
    names = [row["name"] for row in json.loads((ROOT / "data/target_schools_west.json").read_text())["schools"]]
    names = [name for name in names if name != PROBLEM][:10]
    folder = _job(tmp_path, *names)
    assert _types(folder, "cd scripts && python3 batch_init.py").returncode == 0
    said = _types(folder, "./scripts/launch_batch.sh --yes")
    assert said.returncode == 0, said.stderr
    assert sorted(_progress(folder)["completed"]) == sorted(names)
    prompts = [file.read_text() for file in sorted((folder / ".harness/job/attempts").glob("*/prompt.md"))]
    assert len(prompts) == _sessions(folder) == 10
    for prompt in prompts:
        assert sum(f"- name: {name}\n" in prompt for name in names) == 1, "no session hears of another's school"
    assert max(map(len, prompts)) - min(map(len, prompts)) < 200, "and none gets longer as the night goes on"
    assert list(broken_laws(folder / ".harness" / "job")) == []


@covers("F69", "A32")
def test_5_2_the_pre_flight_list(tmp_path: Path) -> None:
    folder = _job(tmp_path, CACHED)
    assert _types(folder, "harness launch --as earlier").returncode == 0
    assert _types(folder, "cd scripts && python3 batch_init.py").returncode == 0
    assert _progress(folder)["pending"] == [CACHED], "initialised"
    assert (folder / ".harness/job@earlier/ledger.db").exists(), "what is stale is never cleared by itself"
    watched = [_types(folder, "cd scripts && python3 batch_status.py") for _ in range(2)]
    assert [(each.returncode, each.stdout) for each in watched] == [(0, watched[0].stdout)] * 2, "for `watch`"
    assert _types(folder, "harness launch").returncode == 0
    report = _types(folder, "harness report").stdout
    assert "1 school reused, the oldest 0 days old." in report, "how old what was cached is"


def test_the_table_of_the_blocks_names_each_of_them() -> None:
    table = (ROOT / "docs" / "document-blocks.md").read_text().partition("## Document 001")[2].partition("\n## ")[0]
    for block in ("school list", "progress", "batch_init.py", "batch_status.py", "batch_resume.py"):
        assert block in table, block
    assert "generate_master_report.py" in table and "launch_batch.sh" in table
