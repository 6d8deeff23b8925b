"""`launch a.yaml b.yaml`: jobs in turn, and every problem of all of them before any is started."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

_JOB = """job: {name}
items: {{file: items.csv, id: .id}}
sandbox: "off"
session: {{backend: command, command: [python3, worker.py]}}
output: {{merge: merged.json}}
"""
_WORKER = """import json, sys
items = json.load(open("items.json"))
json.dump([{"id": item["id"]} for item in items], open("output.json", "w"))
sys.exit(0)
"""


def _write_job(folder: Path) -> Path:
    folder.mkdir()
    (folder / "items.csv").write_text("id\n1\n2\n")
    (folder / "worker.py").write_text(_WORKER)
    (folder / "job.yaml").write_text(_JOB.format(name=folder.name))
    return folder / "job.yaml"


def _launch(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "harness", "launch", *words], capture_output=True, text=True)


def test_jobs_run_in_turn(tmp_path: Path) -> None:
    first, second = _write_job(tmp_path / "a"), _write_job(tmp_path / "b")
    done = _launch(str(first), str(second))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a" / "merged.json").exists() and (tmp_path / "b" / "merged.json").exists()
    assert done.stdout.index("a: finished") < done.stdout.index("b: finished")


def test_a_problem_of_the_second_job_starts_neither(tmp_path: Path) -> None:
    first, second = _write_job(tmp_path / "a"), _write_job(tmp_path / "b")
    second.write_text(second.read_text() + "wrong: 1\n")
    refused = _launch(str(first), str(second))
    assert refused.returncode == 2
    assert "wrong: unknown key" in refused.stderr
    assert not (tmp_path / "a" / ".harness").exists()


def test_what_chooses_items_is_for_one_job(tmp_path: Path) -> None:
    first, second = _write_job(tmp_path / "a"), _write_job(tmp_path / "b")
    refused = _launch(str(first), str(second), "--first", "1")
    assert refused.returncode == 2
    assert "apply to a single job" in refused.stderr


def test_two_manifests_in_one_folder_have_a_progress_file_each(desk: "Desk") -> None:
    beside = desk.folder / "batch_progress.json"
    desk.job({"1": "good"}, stem="a")
    desk.has_typed("launch", "a.yaml")
    assert json.loads(beside.read_text())["status"] == "finished"
    desk.job({"1": "good", "2": "good"}, stem="b")
    assert desk.types("launch", "b.yaml").code == 0
    assert json.loads((desk.folder / ".harness/b/batch_progress.json").read_text())["totalNumbers"] == 2
    desk.job({"1": "good"}, stem="a", check=False)
    assert desk.types("launch", "a.yaml", "--keep").code == 0
    assert json.loads((desk.folder / ".harness/a/batch_progress.json").read_text())["totalNumbers"] == 1
    assert desk.types("rehearse", "a.yaml").code == 0
    shutil.rmtree(desk.folder / ".harness/b")
    desk.types("launch", "a.yaml")
    assert json.loads(beside.read_text())["totalNumbers"] == 1, "a rehearsal or a backup is no neighbor"


def test_report_brings_a_merged_file_that_a_kill_left_behind_up_to_date(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"})
    desk.has_typed("launch")
    merged = desk.folder / "output/job.json"
    whole = merged.read_text()
    with sqlite3.connect(desk.folder / ".harness/job/ledger.db") as db:
        db.execute("UPDATE merges SET records = 1, reflects = 0")
    merged.write_text(whole.replace("2", "3"))
    assert "1 accepted since it was written; `harness report` updates it" in desk.types("status").out
    reported = desk.types("report")
    assert "brought up to date after a killed run: output/job.json" in reported.err
    assert merged.read_text() == whole
    assert "out of date" not in desk.types("status").out
