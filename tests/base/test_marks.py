"""Laws of marks: what carries one is found wherever it went, and nothing else is."""

import asyncio
import itertools
import os
import platform
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.base.marks import RUN_MARK, STATE_MARK, TOKEN_MARK, lock_limit, marked, of_job, state_digest
from harness.base.termination import end_found
from tests.base.family import tree


@pytest.mark.linux
def test_marked_processes_are_found_whatever_they_did_with_their_environment(tmp_path: Path) -> None:
    marks = {STATE_MARK: state_digest(tmp_path), RUN_MARK: "tonight", TOKEN_MARK: str(tmp_path)}
    limit = "ulimit -w $1 2>/dev/null || ulimit -x $1; exec env -i sleep 3600"
    program = subprocess.Popen(["/bin/sh", "-c", limit, "sh", str(lock_limit(marks))])
    while Path(f"/proc/{program.pid}/comm").read_text() != "sleep\n":
        os.sched_yield()
    assert Path(f"/proc/{program.pid}/environ").read_bytes() == b""
    assert marked(TOKEN_MARK, str(tmp_path)) == of_job(tmp_path) == [program.pid]
    assert marked(RUN_MARK, "tonight") == [program.pid]
    assert marked(RUN_MARK, "another") == marked(TOKEN_MARK, "another") == of_job(tmp_path / "other") == []
    assert asyncio.run(end_found(lambda: of_job(tmp_path), 0)) == 1
    assert of_job(tmp_path) == []
    program.wait()


@pytest.mark.linux
def test_whoever_has_the_same_few_bits_and_says_another_name_is_left_alone() -> None:
    """Of a mark only some bits fit into the limit, so two jobs may share them for ever."""
    names = (f"job {number}" for number in itertools.count())
    seen: dict[int, str] = {}
    for mine in names:
        other = seen.setdefault(lock_limit({STATE_MARK: mine}), mine)
        if other != mine:
            break
    limit = "ulimit -w $1 2>/dev/null || ulimit -x $1; exec sleep 3600"
    command = ["/bin/sh", "-c", limit, "sh", str(lock_limit({STATE_MARK: other}))]
    program = subprocess.Popen(command, env={"PATH": os.environ["PATH"], STATE_MARK: other})
    while Path(f"/proc/{program.pid}/comm").read_text() != "sleep\n":
        os.sched_yield()
    assert (marked(STATE_MARK, mine), marked(STATE_MARK, other)) == ([], [program.pid])
    program.kill()
    program.wait()


HIDDEN = """
import ctypes, os, threading, time
if {kind!r} == "not dumpable":
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    print("ready", flush=True)
    time.sleep(3600)
def last():
    print("ready", flush=True)
    time.sleep(3600)
threading.Thread(target=last).start()
ctypes.CDLL(None).syscall({exit}, 0)
"""


@pytest.mark.linux
@pytest.mark.parametrize("kind", ["not dumpable", "without its first thread"])
def test_a_process_that_looks_like_none_is_found_by_its_limit(kind: str) -> None:
    mark = secrets.token_hex(12)
    limit = 'ulimit -w $1 2>/dev/null || ulimit -x $1; exec env -i "$2" -I -S -c "$3"'
    text = HIDDEN.format(kind=kind, exit={"x86_64": 60, "aarch64": 93}[platform.machine()])
    command = ["/bin/sh", "-c", limit, "sh", str(lock_limit({RUN_MARK: mark})), sys.executable, text]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None and program.stdout.readline() == "ready\n"
    time.sleep(0.1)
    assert marked(RUN_MARK, mark) == [program.pid]
    program.kill()
    program.wait()
    program.stdout.close()
    assert marked(RUN_MARK, mark) == []


def test_marked_processes_are_found_wherever_they_went() -> None:
    leader = tree(HARNESS_TOKEN="feed")
    found = marked("HARNESS_TOKEN", "feed")
    assert len(found) == 3
    assert marked("HARNESS_TOKEN", "fee") == []
    assert asyncio.run(end_found(lambda: marked("HARNESS_TOKEN", "feed"), 0)) == 3
    assert marked("HARNESS_TOKEN", "feed") == []
    leader.wait()


def test_the_same_state_has_the_same_digest_by_any_path(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert state_digest(tmp_path / "link" / "x") == state_digest(tmp_path / "x")
    assert state_digest(tmp_path / "x") != state_digest(tmp_path / "y")
