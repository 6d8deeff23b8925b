"""`launch a.yaml b.yaml`: jobs in turn, and every problem of all of them before any is started."""

import subprocess
import sys
from pathlib import Path

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
    assert "are for one job" in refused.stderr
