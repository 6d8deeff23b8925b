"""The scripts of the schools job, called from within `scripts/`, on a short list; a small program does the sessions."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]
GOOD, BAD, STUCK = "University of Oregon", "University of Utah", "University of Arizona"
MANIFEST = """\
job: Three schools
noun: school
items: {file: data/target_schools_west.json, rows: ".schools[]", id: .name, match: data/school_aliases.json}
session: {backend: command, command: [python3, worker.py], prompt: prompts/batch_loop.md, timeout: none, silence: none}
output:
  file: report.json
  shape: one
  key: .school
  schema: data/report.schema.json
  check: [{jq: ".coaches | length > 0", says: name at least one coach}]
  merge: output/warm_leads.json
strikes: 2
"""
WORKER = f"""\
import json, os, signal
[item] = json.load(open("items.json"))
coach = {{"name": "=A", "position": "Head Coach", "career": [], "nmdp_overlap": "NO", "overlap_details": "",
          "data_quality": "low"}}
if item["id"] == {STUCK!r}:
    signal.pause()
report = {{"school": item["id"], "retrieved": "2026-01-31", "coaches": [coach], "notes": ""}}
if item["id"] == {BAD!r}:
    report["coaches"] = []
json.dump(report, open(os.environ["HARNESS_OUTPUT"], "w"))
"""
RUN = """\
import sys
from pathlib import Path
from harness.job.load import load
from harness.cli.run_to_end import run_to_end
from harness.supervisor.run_options import RunOptions
sys.exit(run_to_end(load(Path("job.yaml")), RunOptions(None), lambda event: print(event.kind, flush=True)).exit_code)
"""


def _new(folder: Path) -> Path:
    for name in ("data", "prompts", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "batch_progress.json", folder)
    (folder / "job.yaml").write_text(MANIFEST)
    (folder / "worker.py").write_text(WORKER)
    _list(folder, GOOD, BAD)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job that was never started."""
    return _new(tmp_path)


@pytest.fixture(scope="module")
def once_finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = _new(tmp_path_factory.mktemp("finished"))
    assert _finish(folder) == 1
    return folder


@pytest.fixture
def finished(tmp_path: Path, once_finished: Path) -> Path:
    """A job with one school done and one failed."""
    return shutil.copytree(once_finished, tmp_path / "job")


def _list(folder: Path, *names: str) -> None:
    schools = [{"name": name, "conference": "Big 12", "state": "UT", "priority": 1} for name in names]
    (folder / "data" / "target_schools_west.json").write_text(json.dumps({"schools": schools}))


def _script(folder: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Called as its usage says, from within `scripts/`, with nobody at a terminal."""
    command = [sys.executable, name, *words] if name.endswith(".py") else [f"./{name}", *words]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        command, cwd=folder / "scripts", env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def _finish(folder: Path) -> int:
    return subprocess.run([sys.executable, "-c", RUN], cwd=folder, capture_output=True).returncode


def _progress(folder: Path) -> Any:
    return json.loads((folder / "batch_progress.json").read_text())


def _backups(folder: Path) -> list[Path]:
    return list((folder / ".harness").glob("job.backup-*"))


@covers("F42", "F46")
def test_init_puts_every_school_into_pending_and_starts_nothing(folder: Path) -> None:
    done = _script(folder, "batch_init.py")
    assert (done.returncode, done.stderr) == (0, "")
    progress = _progress(folder)
    assert (progress["pending"], progress["current_school"]) == ([GOOD, BAD], None)
    assert progress["started"] is not None
    assert _script(folder, "batch_init.py").returncode == 0
    assert not _backups(folder)


@covers("F43")
@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((GOOD, "Oregon"), "duplicate id 'University of Oregon'"),
        ((GOOD, "Wildcats"), "'Wildcats' is ambiguous: it may be 'University of Arizona'"),
        ((GOOD, "Hogwarts"), "'Hogwarts' is not among the known names"),
    ],
)
def test_init_refuses_a_wrong_list_and_leaves_all_as_it_was(folder: Path, names: tuple[str, ...], says: str) -> None:
    before = (folder / "batch_progress.json").read_bytes()
    _list(folder, *names)
    done = _script(folder, "batch_init.py", "--reset")
    assert done.returncode == 2
    assert says in done.stderr
    assert (folder / "batch_progress.json").read_bytes() == before
    assert not _backups(folder)


@covers("A19")
def test_with_progress_and_nobody_to_ask_init_refuses_and_says_which_flag(finished: Path) -> None:
    done = _script(finished, "batch_init.py")
    assert done.returncode == 2
    assert "there is progress already: 1 done, 1 failed" in done.stderr
    assert "--reset" in done.stderr
    assert _progress(finished)["completed"] == [GOOD]


@covers("F45")
def test_reset_starts_anew_and_keeps_what_was_there(finished: Path) -> None:
    merged = (finished / "output" / "warm_leads.json").read_bytes()
    assert _script(finished, "batch_init.py", "--reset").returncode == 0
    [backup] = _backups(finished)
    assert (backup / "ledger.db").exists()
    assert (backup / "outputs-before-reset" / "output" / "warm_leads.json").read_bytes() == merged
    assert _progress(finished)["pending"] == [GOOD, BAD]
    assert not (finished / "output" / "warm_leads.json").exists()


@covers("F44", "A19")
@pytest.mark.parametrize(("answer", "left"), [("reset", []), ("resume", [GOOD]), ("", [GOOD])])
def test_a_person_is_asked_whether_to_reset_or_to_resume(finished: Path, answer: str, left: list[str]) -> None:
    asked = pexpect.spawn(sys.executable, ["batch_init.py"], cwd=str(finished / "scripts"), encoding="utf-8")
    asked.expect(r"Type resume or reset \[resume\]: ")
    asked.sendline(answer)
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 0
    assert _progress(finished)["completed"] == left
    assert len(_backups(finished)) == (not left)


@covers("F51", "F52", "F53", "A20")
def test_resume_puts_the_interrupted_school_back_and_starts_nothing(folder: Path) -> None:
    _list(folder, STUCK, GOOD)
    with subprocess.Popen([sys.executable, "-c", RUN], cwd=folder, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        next(line for line in run.stdout if line == "started\n")
        run.send_signal(signal.SIGKILL)
    done = _script(folder, "batch_resume.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{STUCK}: back in the queue" in done.stdout
    progress = _progress(folder)
    assert (progress["current_school"], progress["pending"]) == (None, [STUCK, GOOD])
    assert progress["batches"][0]["tries"] == 1
    assert "launch_batch.sh" in done.stdout


@covers("F53")
def test_resume_without_anything_to_resume_says_so(folder: Path) -> None:
    done = _script(folder, "batch_resume.py")
    assert done.returncode == 2
    assert "has not been launched yet" in done.stderr


@covers("F73")
def test_what_was_resumed_is_finished_by_the_next_launch(folder: Path) -> None:
    _script(folder, "batch_init.py")
    _script(folder, "batch_resume.py")
    assert _finish(folder) == 1
    assert _progress(folder)["completed"] == [GOOD]


@covers("F54", "A17")
@pytest.mark.parametrize("name", ["generate_master_report.py", "aggregate_results.py"])
def test_the_master_report_is_made_of_what_was_accepted(finished: Path, name: str) -> None:
    done = _script(finished, name)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Total schools processed: 1\nTotal coaches researched: 1\nTotal NMDP overlaps found: 0\n" in done.stdout
    today = date.today()
    with (finished / "output" / f"master_report_{today}.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [(row["School Searched"], row["Coach Name"]) for row in csv.DictReader(file)] == [(GOOD, "'=A")]
    assert (finished / "output" / f"master_report_{today}.xlsx").stat().st_size > 5000
    assert [path.name for path in (finished / "output" / "schools").iterdir()] == [f"{GOOD}_{today}.csv"]


@covers("F40", "F47", "F48", "F49")
def test_status_shows_counts_and_the_reason_of_a_failed_school(finished: Path) -> None:
    status = json.loads(_script(finished, "batch_status.py", "--json").stdout)
    assert (status["counts"]["done"], status["counts"]["failed"]) == (1, 1)
    assert [failed["id"] for failed in status["failed"]] == [BAD]
    assert "name at least one coach" in status["failed"][0]["reason"]
    assert "name at least one coach" in _script(finished, "batch_status.py").stdout


@covers("F64")
def test_launch_asks_first_and_without_a_terminal_wants_to_be_told(folder: Path) -> None:
    done = _script(folder, "launch_batch.sh")
    assert done.returncode == 2
    assert "say --yes" in done.stderr
    assert _progress(folder)["completed"] == []


@covers("F63")
def test_launch_wants_a_progress_file(folder: Path) -> None:
    (folder / "batch_progress.json").unlink()
    done = _script(folder, "launch_batch.sh", "--yes")
    assert done.returncode == 2
    assert "batch_init.py" in done.stderr


@covers("F32")
def test_launch_runs_the_job_and_passes_its_exit_code_on(folder: Path) -> None:
    assert _script(folder, "launch_batch.sh", "--yes").returncode == 1
    assert _progress(folder)["completed"] == [GOOD]


@pytest.mark.parametrize("answer", ["n", ""])
def test_launch_does_nothing_when_a_person_says_no(folder: Path, answer: str) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    asked = pexpect.spawn(str(folder / "scripts" / "launch_batch.sh"), cwd="/", encoding="utf-8", env=environment)
    asked.expect(r"Start or resume now\?")
    asked.sendline(answer)
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 0
    assert _progress(folder)["completed"] == []


_DEMO = """\
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import demo
demo.SCRATCH, sys.executable = Path("scratch").absolute(), sys.argv[2]
sys.exit(demo.main())
"""


def test_in_a_file_the_demo_says_first_what_comes(tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.write_text('#!/bin/sh\necho "$*"\n[ "$4" = report ]\n')
    commands.chmod(0o755)
    played = [sys.executable, "-c", _DEMO, str(ROOT / "tools"), str(commands)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with (tmp_path / "told").open("w") as told:
        assert subprocess.run(played, cwd=tmp_path, stdout=told, env=environment).returncode == 0
    lines = (tmp_path / "told").read_text().splitlines()
    assert lines[0].startswith("24 schools")
    assert [line for line in lines if "-m harness" in line] == [
        "-P -m harness rehearse",
        "-P -m harness report --rehearsal",
    ]
    assert lines[-1].endswith("harness status --rehearsal")
