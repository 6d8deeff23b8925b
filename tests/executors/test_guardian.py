"""Laws of the guardian: what carries its run's mark ends with a run that is killed, and nothing else does."""

import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.errors import BrokenSetupError
from harness.base.marks import RUN_MARK, lock_limit
from harness.base.processes import children, is_zombie
from harness.executors.guardian import _PROGRAM, Guardian

RUN = """
import os, sys, time
from harness.executors.guardian import Guardian
guardian = Guardian()
guardian.stand()
print(guardian.mark["HARNESS_RUN"], flush=True)
if sys.argv[1] == "close":
    sys.stdin.readline()
    guardian.close()
else:
    time.sleep(3600)
"""
BARE = "ulimit -w $1 2>/dev/null || ulimit -x $1; exec env -i sleep 3600"
MERCY_S = 30

pytestmark = pytest.mark.linux


class Run:
    """A process with a guardian."""

    def __init__(self, end: str = "kill") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, end], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.mark = self.process.stdout.readline().strip()
        self.started: list[subprocess.Popen[bytes]] = []

    @property
    def guardian(self) -> int:
        (found,) = children(self.process.pid)
        return found

    def start(self, *command: str, mark: str | None = None) -> "subprocess.Popen[bytes]":
        """A process with the mark of this run, or another."""
        env = {"PATH": os.environ["PATH"], RUN_MARK: mark or self.mark}
        self.started.append(subprocess.Popen(command or ("sleep", "3600"), env=env, start_new_session=True))
        return self.started[-1]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.kill()
        for process in self.started:
            process.kill()
            process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    run = Run(getattr(request, "param", "kill"))
    yield run
    run.end()


def test_C04_what_a_killed_run_leaves_is_ended_whatever_it_did_with_its_environment(run: Run) -> None:
    plain = run.start()
    bare = run.start("/bin/sh", "-c", BARE, "sh", str(lock_limit({RUN_MARK: run.mark})))
    run.kill()
    assert plain.wait(MERCY_S) == bare.wait(MERCY_S) == -signal.SIGKILL


def test_C04_what_was_just_being_started_is_ended_once_it_carries_the_mark(run: Run) -> None:
    """A process has its mark only when it has become another program: some moments after it was made."""
    late = run.start("/bin/sh", "-c", f"sleep 0.5; {RUN_MARK}={run.mark} exec sleep 3600", mark="none yet")
    run.kill()
    assert late.wait(MERCY_S) == -signal.SIGKILL


def test_T10_the_next_run_of_the_same_job_is_not_touched(run: Run) -> None:
    mine, of_the_next = run.start(), run.start(mark=secrets.token_hex(12))
    guardian = os.pidfd_open(run.guardian)
    run.kill()
    mine.wait(MERCY_S)
    ended(guardian)
    assert of_the_next.poll() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_everything_of_the_run_leaves_the_guardian_at_its_post(run: Run, number: int) -> None:
    ready(run.guardian)
    left = run.start()
    os.kill(run.guardian, number)
    run.kill()
    assert left.wait(MERCY_S) == -signal.SIGKILL


@pytest.mark.parametrize("run", ["close"], indirect=True)
def test_a_run_that_ends_well_ends_its_guardian_at_once_and_nothing_else(run: Run) -> None:
    other, guardian = run.start(), os.pidfd_open(run.guardian)
    assert run.process.stdin is not None
    run.process.stdin.write("\n")
    run.process.stdin.flush()
    assert run.process.wait(MERCY_S) == 0
    ended(guardian)
    assert other.poll() is None


def test_a_guardian_that_was_killed_is_replaced_before_the_next_session() -> None:
    with Guardian() as guardian:
        guardian.stand()
        (first,) = guardians(guardian)
        guardian.stand()
        assert guardians(guardian) == [first]
        os.kill(first, signal.SIGKILL)
        ended(os.pidfd_open(first))
        guardian.stand()
        (second,) = guardians(guardian)
        assert second != first
    assert guardians(guardian) == []


def test_a_guardian_that_does_not_answer_any_more_is_killed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.executors.guardian._PATIENCE_S", 0.2)
    with Guardian() as guardian:
        guardian.stand()
        (first,) = guardians(guardian)
        os.kill(first, signal.SIGSTOP)
    assert guardians(guardian) == []


def test_a_guardian_that_does_not_come_up_lets_nothing_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.executors.guardian._PROGRAM", "raise SystemExit('no such module')")
    with Guardian() as guardian, pytest.raises(BrokenSetupError, match="does not start: no such module"):
        guardian.stand()
    assert guardians(guardian) == []


def guardians(guardian: Guardian) -> list[int]:
    run = guardian.mark[RUN_MARK]
    return [pid for pid in children(os.getpid()) if {run, _PROGRAM} <= {*words(pid)}]


def words(pid: int) -> list[str]:
    """Its command line, empty for a zombie; the kernel shows it some microseconds after Popen has returned."""
    while not (told := Path(f"/proc/{pid}/cmdline").read_bytes()) and not is_zombie(pid):
        os.sched_yield()
    return told.decode().split("\0")


def ready(guardian: int) -> None:
    """Wait until it has turned to its post: it listens to SIGTERM no more."""
    give_up = time.monotonic() + MERCY_S
    while not _ignored(guardian) >> signal.SIGTERM - 1 & 1:
        assert time.monotonic() < give_up, "the guardian did not get ready"
        time.sleep(0.01)


def _ignored(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("SigIgn:")).split()[1], 16)


def ended(descriptor: int) -> None:
    """Wait for the end of the process that a descriptor stands for, and close it."""
    ready, _, _ = select.select([descriptor], [], [], MERCY_S)
    os.close(descriptor)
    assert ready, "it did not end"
