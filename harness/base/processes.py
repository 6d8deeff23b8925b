"""Processes: who descends from whom, who still lives, and what they hold."""

import ctypes
import os
import select
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

IS_LINUX = sys.platform.startswith("linux")
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37

_THREADS = 17
"""Place of their number in /proc/PID/stat, behind the name."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: float
    """Its creation time, epoch seconds."""


def become_subreaper() -> bool:
    """Adopt orphaned descendants instead of losing them to pid 1. False where the kernel has no such thing."""
    if not IS_LINUX:
        return False
    return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0  # type: ignore[no-any-return]


def is_subreaper() -> bool:
    """Are orphaned descendants adopted by this process? False where nobody knows."""
    if not IS_LINUX:
        return False
    found = ctypes.c_int(0)
    return ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(found), 0, 0, 0) == 0 and found.value == 1


def identity_of(pid: int) -> ProcessIdentity | None:
    """None when there is no such process, or it is only a zombie."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return ProcessIdentity(pid, process.create_time())
    except psutil.Error:
        return None


def is_alive(identity: ProcessIdentity) -> bool:
    return identity_of(identity.pid) == identity


def children(pid: int) -> list[int]:
    """The direct children of a process, zombies included."""
    if not IS_LINUX:
        return _children_elsewhere(pid)
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  three times for every session
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file:  # noqa: PTH123
                found += map(int, file.readall().split())
    return found


def descendants(pid: int, most: int = sys.maxsize) -> list[int]:
    """Every process below `pid`, parents before children; once there are `most` of them, no more are looked for."""
    found: list[int] = []
    waiting = [pid]
    while waiting and len(found) < most:
        below = children(waiting.pop())
        found += below
        waiting += below
    return found


def resident_bytes(pids: Iterable[int], above: int) -> int:
    """The memory that these processes hold together; exact only above `above`.

    What they share is first counted for each of them, which costs little, and divided among them only when that sum is
    too large (1 ms for each GiB). Elsewhere than on Linux it is not divided.
    """
    found = list(pids)
    rough = sum(_resident(pid) for pid in found)
    if rough <= above or not IS_LINUX:
        return rough
    return sum(_proportional(pid) for pid in found)


def threads(pids: Iterable[int]) -> int:
    """How many these processes have together."""
    return sum(_threads(pid) for pid in pids)


def reap(pids: Iterable[int]) -> None:
    """Collect those of them that are dead children of ours (adopted ones; a subprocess is reaped by who started it)."""
    for pid in pids:
        with suppress(OSError):
            os.waitpid(pid, os.WNOHANG)


def reap_namespaces() -> list[int]:
    """Collect dead children of ours that were pid 1 of a namespace; we start none, so they are adopted ones.

    Bubblewrap ends without waiting for its inner process: without this one zombie would stay for every session. Returns
    the children that are left.
    """
    left = []
    for pid in children(os.getpid()):
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_bytes()
            if b"\nState:\tZ" in status and len(_line(status, b"NSpid:").split()) > 1:
                os.waitpid(pid, os.WNOHANG)
            else:
                left.append(pid)
    return left


def _line(status: bytes, name: bytes) -> bytes:
    """What stands behind `name` in a /proc/<pid>/status; empty when it is not there."""
    return next((line[len(name) :] for line in status.splitlines() if line.startswith(name)), b"")


def _threads(pid: int) -> int:
    """None when it is gone."""
    if IS_LINUX:
        with suppress(OSError):
            return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[_THREADS])
        return 0
    import psutil

    with suppress(psutil.Error):
        return int(psutil.Process(pid).num_threads())
    return 0


def _resident(pid: int) -> int:
    if IS_LINUX:
        with suppress(OSError):
            return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE_BYTES
        return 0
    import psutil

    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def _proportional(pid: int) -> int:
    """Its share of what it maps; for a process that may not be looked into, all of it."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return _resident(pid)


def _children_elsewhere(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def is_zombie(pid: int) -> bool:
    """Or gone. A process whose first thread has ended looks like one, and is none while others go on."""
    if IS_LINUX:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            return fields[0] in (b"Z", b"X") and int(fields[_THREADS]) < 2
        return True
    import psutil

    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def exit_descriptor(pid: int) -> int:
    """A descriptor that becomes readable when the process ends; OSError when it is gone already."""
    if sys.platform == "darwin":
        queue = select.kqueue()
        exits = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
        try:
            queue.control([exits], 0)
            return os.dup(queue.fileno())
        finally:
            queue.close()
    return os.pidfd_open(pid)
