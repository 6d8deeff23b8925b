"""Children of ours: their limits, their pipes, their end."""

import os
import resource
import signal
import sys
import time
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import pytest

from harness.base.child import (
    STARTED,
    Limits,
    PipedChild,
    StandingChild,
    end_group,
    has_ended,
    limited,
    run,
    start,
    staying,
    until_ready,
)

_FAR = time.monotonic() + 3600
"""A deadline that does not come."""


def test_limits_hold_in_the_program_itself_and_what_it_is_called_with_arrives_as_it_is() -> None:
    words = ["a b", "$HOME", "'", ""]
    script = 'ulimit -t; ulimit -f; ulimit -c; printf "%s|" "$@"'
    ran = run(limited(("/bin/sh", "-c", script, "sh", *words), Limits(cpu_s=7, file_blocks=64)), timeout_s=20)
    assert ran.output.decode().split("\n") == ["7", "64", "0", "a b|$HOME|'||"]


def test_a_limit_that_cannot_be_set_keeps_nothing_from_running_and_says_nothing() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    ran = run(limited(("true",), Limits(open_files=hard + 1, lock_limit=-5)), timeout_s=20)
    assert (ran.code, ran.errors) == (0, "")


def test_an_announced_child_says_so_before_its_program_says_anything() -> None:
    ran = run(limited(("/bin/sh", "-c", "echo no >&2"), Limits(), announced=True), timeout_s=20)
    assert ran.errors == f"{STARTED.decode()}no"


@pytest.mark.skipif(sys.platform != "linux", reason="the mark is a limit of Linux")
def test_a_mark_is_on_the_program_and_on_the_shell_that_stays() -> None:
    process = start(staying(("cat",), 4242), streams=(PIPE, PIPE, DEVNULL), env={"PATH": os.defpath})
    assert process.stdin is not None
    process.stdin.write(b"!")
    child = PipedChild(process)
    assert child.read(1, _FAR) == b"!"
    (below,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert {resource.prlimit(pid, 10)[0] for pid in (process.pid, int(below))} == {4242}
    end_group(process)
    child.close()


def _cat() -> "Popen[bytes]":
    return start(("cat",), streams=(PIPE, PIPE, DEVNULL))


def test_more_than_a_pipe_holds_goes_there_and_back() -> None:
    process = start(("/bin/sh", "-c", "dd bs=3M count=1 iflag=fullblock 2>/dev/null"), streams=(PIPE, PIPE, DEVNULL))
    child, content = PipedChild(process), os.urandom(1 << 20)
    child.write(content * 3, _FAR)
    assert child.read(3 << 20, _FAR) == content * 3
    end_group(process)
    child.close()


def test_an_answer_that_does_not_come_is_a_timeout_and_one_that_cannot_is_an_end() -> None:
    process = _cat()
    child = PipedChild(process)
    with pytest.raises(TimeoutError):
        child.read(1, time.monotonic())
    end_group(process)
    with pytest.raises(EOFError):
        child.read(1, _FAR)
    with pytest.raises(EOFError):
        child.write(b"x", _FAR)
    child.close()


def test_a_group_ends_with_its_leader_and_can_be_named_until_it_is_reaped() -> None:
    process = start(("/bin/sh", "-c", "sleep 1000 & echo $!; read never"), streams=(PIPE, PIPE, DEVNULL))
    assert process.stdout is not None
    below = os.pidfd_open(int(process.stdout.readline())) if sys.platform == "linux" else None
    assert not has_ended(process, 0, until_ready)
    assert end_group(process) == -signal.SIGKILL
    if below is not None:
        until_ready(below, 1, time.monotonic() + 60)  # TimeoutError while it lives
        os.close(below)


def test_waiting_for_an_end_does_not_reap() -> None:
    process = start(("true",), streams=(DEVNULL, DEVNULL, DEVNULL))
    assert has_ended(process, 60, until_ready)
    assert process.returncode is None
    assert end_group(process) == 0


def test_one_that_stands_beside_us_ends_when_its_pipe_is_closed_and_tells_why_it_did_not_stand() -> None:
    stands = StandingChild(("/bin/sh", "-c", "echo here; exec cat >/dev/null"), env={"PATH": os.defpath})
    assert stands.first_words(5, 60) == b"here\n" and stands.is_there()
    stands.let_go(60)
    assert not stands.is_there()
    falls = StandingChild(("/bin/sh", "-c", "echo first >&2; echo no means >&2; exit 1"), env={})
    assert falls.first_words(5, 60) == b""
    assert falls.complaint().endswith("no means")
    falls.let_go(60)


def test_errors_that_another_process_holds_open_are_not_waited_for() -> None:
    falls = StandingChild(("/bin/sh", "-c", "sleep 1000 >/dev/null & echo why >&2; exec >&-; read never"), env={})
    assert falls.first_words(5, 60) == b""
    assert falls.complaint() == "why"
    falls.let_go(60)


def test_a_program_that_takes_too_long_is_an_error_of_the_machine() -> None:
    with pytest.raises(OSError, match=r"no end within 0\.01 s"):
        run(("sleep", "1000"), timeout_s=0.01)


def test_a_shell_that_stays_ends_with_the_code_of_its_program() -> None:
    for script, code in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 128 + signal.SIGKILL)):
        assert run(staying(("/bin/sh", "-c", script), None), timeout_s=20).code == code


@pytest.mark.parametrize("own", [True, False])
def test_a_child_is_in_a_session_of_its_own_unless_it_is_to_share_ours(own: bool) -> None:
    process = start(("cat",), streams=(PIPE, DEVNULL, DEVNULL), own_session=own)
    assert (os.getsid(process.pid) == process.pid) is own
    assert (os.getpgid(process.pid) == process.pid) is own, "what ends it as a group ends nothing of ours"
    process.communicate(timeout=20)
