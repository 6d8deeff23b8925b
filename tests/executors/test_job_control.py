"""Ctrl-Z stops a run whole, at any moment; a closed terminal is one request, however many signals it sends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.supervisor.inbox import Inbox, StopAsked
from harness.supervisor.signals import as_requests

_STOPS = """
import signal, subprocess, sys
from harness.supervisor.signals import stopped_whole
with stopped_whole():
    inside = subprocess.run([sys.executable, "-c", sys.argv[1]], capture_output=True, text=True).stdout.strip()
    print(inside, flush=True)
    sys.stdin.readline()
print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), flush=True)
"""
_MASK = "import signal; print(signal.SIGTSTP in signal.pthread_sigmask(signal.SIG_BLOCK, []))"


@pytest.fixture
def child() -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", _STOPS, _MASK],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


def test_ctrl_z_stops_the_process_and_no_child_that_is_being_started(child: "subprocess.Popen[str]") -> None:
    assert child.stdout is not None and child.stdin is not None
    assert child.stdout.readline() == "True\n", "a child cannot be stopped between its fork and its program"
    for _ in range(2):
        os.kill(child.pid, signal.SIGTSTP)
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        os.kill(child.pid, signal.SIGCONT)
    child.stdin.write("\n")
    child.stdin.flush()
    assert child.stdout.readline() == "[]\n", "the mask is as it was"
    assert child.wait() == 0


def _told(*numbers: signal.Signals) -> list[int]:
    inbox, codes = Inbox(), list[int]()

    async def main() -> None:
        inbox.open()
        for number in numbers:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0)
            while isinstance(asked := inbox.take(), StopAsked):
                codes.append(asked.exit_code)

    with as_requests(inbox):
        asyncio.run(main())
    return codes


def test_a_closed_terminal_is_one_request_and_leaves_the_grace() -> None:
    assert _told(signal.SIGHUP, signal.SIGHUP, signal.SIGHUP) == [129]
    assert _told(signal.SIGINT, signal.SIGINT) == [130, 130], "Ctrl-C is asked twice by a person"
