"""V12: at every quiet point no process of a session is left, whatever it started and however the supervisor went."""

import json
import os
import secrets
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from harness.base.processes import children
from harness.executors.guardian import _PROGRAM
from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import WORKER, Job, all_pids, until, words_of

SESSIONS = 4


def hung(small: MakeJob, *, guarded: bool = True, **fields: Any) -> Job:
    """Four real sessions, each with a daemon of its own and hanging in its Bash tool, whose supervisor was killed."""
    tools = {
        "model": "sonnet",
        "tools": ["Read", "Write", "Bash"],
        "prompt": "{% for item in items %}{{ item.word }}{% endfor %}",
    }
    job: Job = small("orphaning", SESSIONS, parallel=SESSIONS, session=tools, **fields)
    running = job.begin()
    until(lambda: running.is_over() or len(daemons(job)) == SESSIONS, "a daemon of each session")
    assert not running.is_over(), running.end().all
    assert job.orphans() == [], "what belongs to a living supervisor is no orphan"
    if not guarded:
        os.kill(guardian_of(running.pid), signal.SIGKILL)
    running.kill()
    return job


def guardian_of(supervisor: int) -> int:
    (found,) = (pid for pid in children(supervisor) if _PROGRAM in words_of(pid))
    return found


def daemons(job: Job) -> list[Path]:
    return [path for path in job.state.glob("attempts/*/work/daemon.pid") if path.read_text()]


@pytest.mark.linux
@pytest.mark.parametrize("sandbox", ["bubblewrap", "off"])
def test_C04_V12_nothing_outlives_a_killed_supervisor(
    small: MakeJob, sandbox: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job = hung(small, sandbox=sandbox)
    killed = time.monotonic()
    until(lambda: not job.orphans(), "everything to end with the supervisor", 30)
    told(capsys, f"{SESSIONS} sessions, sandbox {sandbox}: no process {time.monotonic() - killed:.2f} s after kill -9")


@pytest.mark.linux
def test_C04_V12_a_sandbox_ends_with_its_supervisor_when_the_guardian_was_killed_too(small: MakeJob) -> None:
    job = hung(small, guarded=False)
    until(lambda: not job.orphans(), "everything to end with the supervisor", 30)


@pytest.mark.linux
def test_T09_V12_the_next_start_ends_what_nothing_held(small: MakeJob, capsys: pytest.CaptureFixture[str]) -> None:
    job = hung(small, guarded=False, sandbox="off")
    left = until(lambda: sorted(job.orphans()), "orphans to be seen", 30)
    assert len(left) >= SESSIONS, "their daemons, at least, live on"
    started = time.monotonic()
    again = job.begin()
    until(lambda: again.is_over() or not set(left) & set(job.sessions()), "the sweep", 60)
    gone = time.monotonic() - started
    again.kill()
    assert not set(left) & set(job.sessions())
    told(
        capsys,
        f"{SESSIONS} sessions without a sandbox: {len(left)} orphans, 0 of them {gone:.2f} s after the next start",
    )


def told(capsys: pytest.CaptureFixture[str], line: str) -> None:
    """For docs/measurements.md: times are measured here and never asserted."""
    with capsys.disabled():
        print(f"\n    {line}")


def test_V12_a_job_that_has_ended_leaves_no_process(small: MakeJob) -> None:
    job = small("plain", 2)
    assert job.play().code == 0
    assert job.orphans() == job.sessions() == []
    assert json.loads(job.ask("status", "--json").out)["counts"]["done"] == 2


CHECK = """\
#!/bin/sh
(setsid env -i sleep {seconds} >/dev/null 2>&1 &)
{then}
"""


@pytest.mark.linux
@pytest.mark.parametrize("way", ["finished", "killed"])
def test_C07_what_a_check_leaves_behind_is_ended(way: str, programs: MakeJob) -> None:
    """A daemon of a check that is a program, in a session of its own and without any environment."""
    seconds = str(100_000 + secrets.randbelow(800_000))
    output = {"fields": {"id": "string", "text": "string"}, "merge": "out.json", "check": [{"command": ["./check.sh"]}]}
    job = programs(WORKER, 2, output=output)
    check = job.folder / "check.sh"

    def sleepers() -> list[int]:
        return [pid for pid in all_pids() if seconds in words_of(pid)]

    then = "exit 0" if way == "finished" else f"exec sleep {seconds}"
    check.write_text(CHECK.format(seconds=seconds, then=then))
    check.chmod(0o700)
    if way == "finished":
        assert job.play().code == 0
    else:
        running = job.begin()
        until(lambda: running.is_over() or len(sleepers()) >= 2, "the check and its daemon")
        running.kill()
        check.write_text(CHECK.format(seconds=seconds, then="exit 0"))
        assert job.play("--keep").code == 0
    until(lambda: not sleepers(), "the daemons to end")
