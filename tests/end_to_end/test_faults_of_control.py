"""Signals, kills, a second launch and a bare environment, on programs: nothing is lost and nobody is struck."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from harness.ledger.spool import Request, post
from tests.covers import covers
from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import GATED_WORKER, WORKER, Job, Running, until


def waiting(programs: MakeJob, **fields: object) -> tuple[Job, Running]:
    """A job of three items, one after the other; its first session waits for its gate. Running when this returns."""
    job = programs(GATED_WORKER, 3, parallel=1, **fields)
    running = job.begin()
    until(lambda: running.is_over() or bool(job.sessions()), "the first session")
    assert not running.is_over(), running.end().all
    return job, running


def open_the_gate(job: Job) -> None:
    """For the session that runs; afterwards it is as it was: the file is one of those that the job is made of."""
    (job.folder / "gate.txt").write_text("go on")
    until(lambda: not job.sessions() or job.count("ItemAccepted") > 0, "the session to go on")
    (job.folder / "gate.txt").write_text("")


_CANCELLED_WHILE_IT_BEGINS = """
from harness.cli.main import run
from harness.ledger import spool
from harness.supervisor.held_state import HeldState
tidy = HeldState._tidy
def tidied(held):
    tidy(held)
    spool.post(held._job.home.control, spool.Request("cancel", "anna"))
HeldState._tidy = tidied
raise SystemExit(run(["launch", "--plain"]))
"""


def test_C01_a_cancel_between_the_lock_and_the_first_look_is_heeded(programs: MakeJob) -> None:
    """Planning a long job takes seconds. One that nobody took before the lock was for a run that is over."""
    job = programs(WORKER, 3, parallel=1)
    post(job.state / "control", Request("cancel", "of the night before"))
    env = {"PATH": os.environ["PATH"], "HOME": str(job.home), "LANG": "C.UTF-8", "HARNESS_TRUST": "1"}
    words = [sys.executable, "-c", _CANCELLED_WHILE_IT_BEGINS]
    ended = subprocess.run(words, cwd=job.folder, env=env, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 3, ended.stderr
    assert "stopped by anna" in ended.stderr
    assert job.count("AttemptStarted") == 0 and job.count("CancelAsked", who="anna") == 1
    post(job.state / "control", Request("cancel", "of the night before"))
    assert_nobody_was_hurt(job)


def test_C01_a_job_that_is_just_being_planned_for_the_first_time_can_be_cancelled(programs: MakeJob) -> None:
    job = programs(WORKER, 3, parallel=1)
    ask = _CANCELLED_WHILE_IT_BEGINS.replace(
        'spool.post(held._job.home.control, spool.Request("cancel", "anna"))',
        'import subprocess, sys; print(subprocess.run([sys.executable, "-m", "harness", "cancel"]).returncode)',
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(job.home), "LANG": "C.UTF-8", "HARNESS_TRUST": "1"}
    words = [sys.executable, "-c", ask]
    ended = subprocess.run(words, cwd=job.folder, env=env, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 3, ended.stderr
    assert "the request is queued" in ended.stderr and "has not been launched" not in ended.stderr
    assert job.count("AttemptStarted") == 0 and job.count("CancelAsked") == 1


def assert_nobody_was_hurt(job: Job) -> None:
    """A plain run finishes the work, and one more does nothing."""
    said = job.play()
    assert said.code == 0, said.all
    attempts = job.count("AttemptStarted")
    assert job.play().code == 0 and job.count("AttemptStarted") == attempts
    assert [record["id"] for record in json.loads(job.merged()["all.json"])] == ["i01", "i02", "i03"]
    assert job.count("ItemStruck") == 0
    job.assert_laws_hold()


def test_C01_C11_one_interrupt_lets_sessions_end_and_no_other_launch_gets_in_meanwhile(programs: MakeJob) -> None:
    job, running = waiting(programs, grace="30m")
    running.signal(signal.SIGINT)
    until(lambda: running.is_over() or job.has("CancelAsked"), "the signal to be taken")
    second = job.play()
    assert second.code == 5 and "another supervisor holds this job" in second.err, second.all
    open_the_gate(job)
    ended = running.end()
    assert ended.code == 3 and "harness launch" in ended.all, ended.all
    assert job.count("ItemAccepted") == 1 and job.count("AttemptStarted") == 1 and job.count("RunStarted") == 1
    assert_nobody_was_hurt(job)


def test_C01_when_the_grace_is_over_the_session_is_ended_without_a_strike(programs: MakeJob) -> None:
    job, running = waiting(programs, grace="1s")
    running.signal(signal.SIGINT)
    assert running.end().code == 3
    assert not job.sessions() and job.count("ItemAccepted") == 0
    assert_nobody_was_hurt(job)


@pytest.mark.linux
def test_C05_H11_a_session_that_the_kernel_ends_costs_nobody_anything(programs: MakeJob) -> None:
    job, running = waiting(programs)
    kill_all(job.sessions())
    said = running.end()
    assert said.code == 0, said.all
    (fault,) = [entry for entry in job.record().of("AttemptEnded") if entry["fault"]]
    assert (fault["fault"], fault["blame"]) == ("killed", "host")
    assert_nobody_was_hurt(job)


@pytest.mark.linux
def test_H07_when_everything_is_gone_at_once_the_same_command_goes_on(programs: MakeJob) -> None:
    job, running = waiting(programs)
    running.kill()
    kill_all(job.sessions())
    until(lambda: not job.sessions(), "the end of all processes")
    assert_nobody_was_hurt(job)
    assert job.count("AttemptEnded", fault="supervisor_lost") == 1


@covers("F73")
@pytest.mark.linux
def test_C12_a_copy_of_a_killed_run_goes_on_elsewhere(programs: MakeJob, tmp_path: Path) -> None:
    """Lock file, process numbers and paths of the first machine come along, and mean nothing there."""
    job, running = waiting(programs)
    copy_running(job, running, tmp_path / "elsewhere")
    running.kill()
    kill_all(job.sessions())
    before = job.record().entries
    copy = Job(tmp_path / "elsewhere", job.home, rehearsal=False)
    assert_nobody_was_hurt(copy)
    assert copy.count("AttemptEnded", fault="supervisor_lost") == 1
    assert job.record().entries == before, "the first is as it was"
    assert_nobody_was_hurt(job)


def copy_running(job: Job, running: Running, to: Path) -> None:
    """As it is at one moment: what writes there stands still meanwhile."""
    with standing_still(running):
        shutil.copytree(job.folder, to, symlinks=True, ignore=shutil.ignore_patterns(".*.tmp"))


@contextmanager
def standing_still(running: Running) -> Iterator[None]:
    running.signal(signal.SIGSTOP)
    until(lambda: psutil.Process(running.pid).status() == psutil.STATUS_STOPPED, "the supervisor to stand still")
    yield
    running.signal(signal.SIGCONT)


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.linux
@pytest.mark.parametrize("umask", [0, 0o077])
def test_H10_in_a_bare_environment_all_is_the_same_and_private(programs: MakeJob, umask: int) -> None:
    """No HOME, no LANG, no TERM, no PATH of its own, a zone that nobody knows."""
    job = programs(WORKER.replace('"about "', '"\N{EM DASH} é "'), 3)
    said = subprocess.run(
        [sys.executable, "-m", "harness", "launch", "job.yaml"],
        cwd=job.folder, umask=umask, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        env={"TZ": "Nowhere/At-All", "LC_ALL": "C", "PATH": os.defpath, "HARNESS_TRUST": "1"},
    )  # fmt: skip
    assert said.returncode == 0, (said.stdout, said.stderr)
    assert b"Traceback" not in said.stderr
    assert json.loads(job.merged()["all.json"])[0]["text"] == "\N{EM DASH} é word 1"
    ours = [path for path in (job.state, *job.state.rglob("*")) if "work" not in path.relative_to(job.state).parts[:-1]]
    assert [path for path in ours if is_open_to_others(path)] == [], "what a session makes lies in a private folder"
    job.assert_laws_hold()


def is_open_to_others(path: Path) -> bool:
    return not path.is_symlink() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


@pytest.mark.linux
@pytest.mark.root
def test_H06_where_every_sync_and_every_start_takes_its_time_nobody_is_called_hung(
    programs: MakeJob, tmp_path: Path
) -> None:
    job = programs(WORKER, 3, parallel=1)
    trace = tmp_path / "trace"
    said = subprocess.run(
        [
            *("strace", "-qq", "-o", str(trace), "-e", "trace=fsync,fdatasync,clone,clone3,vfork"),
            *("-e", "inject=fsync,fdatasync,clone,clone3,vfork:delay_enter=200000"),
            *(sys.executable, "-m", "harness", "launch", "job.yaml"),
        ],
        cwd=job.folder, env={"PATH": os.environ["PATH"], "HOME": str(job.home), "HARNESS_TRUST": "1"},
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, (said.stdout, said.stderr)
    delayed = [line for line in trace.read_text().splitlines() if "DELAYED" in line]
    assert any("sync" in line for line in delayed) and any("sync" not in line for line in delayed), "nothing was slow"
    assert [entry for entry in job.record().of("AttemptEnded") if entry["fault"]] == []
    assert_nobody_was_hurt(job)


def test_S05_a_program_that_ends_without_a_word_is_found_out_after_ten_sessions(programs: MakeJob) -> None:
    job = programs("", 30)
    said = job.play()
    assert said.code == 4, said.all
    assert job.count("AttemptStarted") <= 12
    job.assert_laws_hold()


def test_a_copy_of_a_running_jobs_folder_runs_beside_it_and_ends_none_of_its_sessions(
    programs: MakeJob, tmp_path: Path
) -> None:
    job, running = waiting(programs)
    home = tmp_path / "home-of-the-copy"
    home.mkdir()
    copy = Job(tmp_path / "copy", home, rehearsal=False)
    copy_running(job, running, copy.folder)
    sessions = job.sessions()
    assert copy.play().code == 0
    assert set(sessions) & set(job.sessions()) and not running.is_over()
    assert copy.count("AttemptStarted", attempt=1) == 1 and copy.count("ItemAccepted") == 3
    open_the_gate(job)
    ended = running.end()
    assert ended.code == 0, ended.all
    assert job.count("AttemptStarted") == 3
    for each in (job, copy):
        each.assert_laws_hold()


def test_T14_a_folder_that_is_moved_while_its_job_runs_is_told_in_words_and_goes_on_in_its_new_place(
    programs: MakeJob, tmp_path: Path
) -> None:
    job, running = waiting(programs)
    moved = Job(tmp_path / "elsewhere", job.home, rehearsal=False, started=job.started)
    job.folder.rename(moved.folder)
    ended = running.end()
    assert ended.code == 4 and f"moved to {moved.state}" in ended.err, ended.all
    assert "launch where it is now" in ended.err and "disk" not in ended.err
    assert not job.folder.exists() and not job.sessions()
    assert_nobody_was_hurt(moved)


def test_a_folder_that_is_deleted_while_its_job_runs_ends_its_sessions_and_is_told_in_words(programs: MakeJob) -> None:
    job, running = waiting(programs)
    with standing_still(running):  # or it writes something while the folder is removed
        shutil.rmtree(job.folder)
    ended = running.end()
    assert ended.code == 4 and "the job's folder was deleted while it ran" in ended.err, ended.all
    assert not job.folder.exists() and not job.sessions()
