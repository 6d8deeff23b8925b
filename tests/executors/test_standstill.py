"""H05 for real: a supervisor and its session stopped by a signal, and woken again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.processes import descendants

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

pytestmark = pytest.mark.linux

TIMEOUT_S, STOPPED_S, LONGEST_S = 3.0, 4.0, 1.0

SUPERVISOR = """
import asyncio, importlib.util, sys
from datetime import timedelta
from pathlib import Path
spec = importlib.util.spec_from_file_location("conftest", sys.argv[1])
conftest = importlib.util.module_from_spec(spec)
sys.modules["conftest"] = conftest
spec.loader.exec_module(conftest)
bench = conftest.Bench(Path(sys.argv[2]))
program = "import os, sys, time; time.sleep(0.5); open('ready', 'w')\\n"
program += "while not os.path.exists('go'): time.sleep(0.02)\\n" + sys.argv[4]
attempt = bench.program(program, timeout=timedelta(seconds=float(sys.argv[5])))
ending = asyncio.run(bench.run(attempt, tools={"standstill_s": float(sys.argv[3])}))
fault = (ending.fault.kind, ending.fault.blame) if ending.fault else ("well", "")
print(*fault, [note.kind for note in ending.notes])
"""
"""The program is ready when its supervisor surely knows that it was started: under load that may take a while."""
GOOD = "open('output.json', 'w').write('[]')"


def until(found: Callable[[], object]) -> None:
    ceiling = time.monotonic() + 60
    while not found():
        assert time.monotonic() < ceiling
        os.sched_yield()


def stopped(bench: "Bench", standstill_s: float, program: str) -> str:
    """What came of a session that was stopped, with its supervisor, for longer than its time limit."""
    words = [str(Path(__file__).parent / "conftest.py"), str(bench.folder), str(standstill_s), program, str(TIMEOUT_S)]
    ours = subprocess.Popen([sys.executable, "-c", SUPERVISOR, *words], stdout=subprocess.PIPE, text=True)
    work = bench.job().state / "attempts" / "000001-p1-b007" / "work"
    until(lambda: (work / "ready").exists())
    tree = [ours.pid, *descendants(ours.pid)]
    for pid in tree:
        os.kill(pid, signal.SIGSTOP)
    woken = time.monotonic() + STOPPED_S
    until(lambda: time.monotonic() >= woken)
    (work / "go").touch()
    for pid in reversed(tree):
        os.kill(pid, signal.SIGCONT)
    said, _ = ours.communicate()
    return said.strip()


def test_H05_a_session_that_was_stopped_with_its_supervisor_goes_on_and_ends_well(bench: "Bench") -> None:
    assert stopped(bench, LONGEST_S, GOOD) == "well  ['host_suspended']"


def test_H05_a_session_that_fails_after_a_standstill_costs_nothing(bench: "Bench") -> None:
    assert stopped(bench, LONGEST_S, "sys.exit(1)").startswith("suspended host")


def test_H05_without_the_allowance_it_would_have_been_the_sessions_fault(bench: "Bench") -> None:
    """The control: standstills are only noticed above ten minutes here."""
    assert stopped(bench, 600, "time.sleep(9)\n" + GOOD).startswith("time_limit session")
