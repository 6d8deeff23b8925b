"""Laws of processes: found by descent, ended whole, never mistaken for another."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.base import processes
from harness.base.processes import ProcessIdentity, identity_of, is_alive
from harness.base.termination import end_tree, wait_gone
from tests.base.family import tree
from tests.covers import covers


def end(leader: "subprocess.Popen[str]", grace: float) -> None:
    below = processes.descendants(leader.pid)
    family = [*below, leader.pid]
    asyncio.run(end_tree(family, lambda: [pid for pid in family if identity_of(pid)], grace))
    leader.wait()


@covers("A81")
def test_a_tree_is_ended_to_its_last_leaf() -> None:
    leader = tree()
    below = processes.descendants(leader.pid)
    assert len(below) == 2
    end(leader, 0.2)
    assert [identity_of(pid) for pid in below] == [None, None]


def test_T10_a_number_alone_is_no_identity() -> None:
    mine = identity_of(os.getpid())
    assert mine is not None
    assert is_alive(mine)
    assert not is_alive(replace(mine, started=mine.started - 60))
    assert not is_alive(ProcessIdentity(2**22 - 3, 0.0))


def test_a_zombie_is_nobody() -> None:
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    asyncio.run(wait_gone([child.pid], None))
    assert identity_of(child.pid) is None
    child.wait()


def test_waiting_for_the_living_is_bounded() -> None:
    assert asyncio.run(wait_gone([os.getpid()], 0.01)) is False
    assert asyncio.run(wait_gone([2**22 - 3], 1)) is True


@pytest.mark.linux
def test_orphans_come_to_a_subreaper() -> None:
    script = f"""
import subprocess, sys
sys.path.insert(0, {str(Path(processes.__file__).parents[2])!r})
from harness.base.processes import become_subreaper, children, reap
import os
assert become_subreaper()
subprocess.run([sys.executable, "-c", "import subprocess; subprocess.Popen(['sleep', '3600'])"])
orphans = children(os.getpid())
assert len(orphans) == 1, orphans
os.kill(orphans[0], 9)
os.waitpid(orphans[0], 0)
assert children(os.getpid()) == []
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.linux
def test_what_a_sandbox_leaves_dead_is_collected_and_nobody_elses_child_is() -> None:
    script = f"""
import os, subprocess, sys
sys.path.insert(0, {str(Path(processes.__file__).parents[2])!r})
from harness.base.processes import become_subreaper, children, reap_namespaces
assert become_subreaper()
subprocess.run(["bwrap", "--ro-bind", "/", "/", "--unshare-pid", "--", "/bin/true"], check=True)
mine = subprocess.Popen(["sh", "-c", "exit 7"])
for pid in children(os.getpid()):
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
assert len(children(os.getpid())) == 2, "bubblewrap leaves its inner process behind"
reap_namespaces()
assert children(os.getpid()) == [mine.pid]
assert mine.wait() == 7
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
