"""Processes: who descends from whom, which belong to us, and how a tree of them is ended."""

import asyncio
import ctypes
import hashlib
import os
import select
import signal
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TOKEN_MARK = "HARNESS_TOKEN"  # noqa: S105  a variable's name, not a secret
"""Environment variable that marks every process of one attempt."""

STATE_MARK = "HARNESS_STATE"
"""Environment variable that marks every process of one job, by `state_digest`."""

FOLDER_MARK = "HARNESS_FOLDER"
"""The same, by `folder_identity`: a folder that was moved is still itself, and a copy of it is not."""

IS_LINUX = sys.platform.startswith("linux")
_PR_SET_CHILD_SUBREAPER = 36
_RLIMIT_LOCKS = 10
"""A limit that no kernel since 2.4.25 heeds, and that a process hands on whatever it does with its environment."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_ROUNDS = 50
"""A tree that still forks after so many rounds of SIGKILL is left to the sweep."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: float
    """Its creation time, epoch seconds."""


def state_digest(state: Path) -> str:
    """What STATE_MARK holds for the job whose state lies there."""
    return hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:24]


def folder_identity(folder: Path) -> str:
    """What FOLDER_MARK holds for the job whose state lies there; empty when there is no such folder."""
    try:
        told = folder.stat()
    except OSError:
        return ""
    return f"{told.st_dev}:{told.st_ino}"


def lock_limit(marks: Mapping[str, str]) -> int:
    """The marks of a job and of an attempt, 31 bits each, as a limit on file locks (RLIMIT_LOCKS); Linux only."""
    return 1 << 62 | _bits(marks.get(STATE_MARK, "")) << 31 | _bits(marks.get(TOKEN_MARK, ""))


def become_subreaper() -> bool:
    """Adopt orphaned descendants instead of losing them to pid 1. False where the kernel has no such thing."""
    if not IS_LINUX:
        return False
    return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0  # type: ignore[no-any-return]


def identity_of(pid: int) -> Identity | None:
    """None when there is no such process, or it is only a zombie."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Identity(pid, process.create_time())
    except psutil.Error:
        return None


def is_alive(identity: Identity) -> bool:
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


def has_mark(pid: int, name: str, value: str) -> bool:
    """Whether a process was started with `name=value` in its environment, or carries that mark as its `lock_limit`.

    False for zombies, and when it may not be looked into.
    """
    if IS_LINUX:
        with suppress(OSError):
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            return f"{name}={value}".encode() in environment.split(b"\0") or _has_limit(pid, name, value)
        return False
    import psutil

    try:
        return psutil.Process(pid).environ().get(name) == value
    except psutil.Error:
        return False


def marked(name: str, value: str) -> list[int]:
    """Every process of this machine, but this one, that has the mark `name=value` (about 5 ms for 300)."""
    return [pid for pid in _all_others() if has_mark(pid, name, value)]


def of_job(state: Path) -> list[int]:
    """Every process of this machine, but this one, that belongs to the job whose state lies there."""
    marks = {STATE_MARK: state_digest(state), FOLDER_MARK: folder_identity(state)}
    return [pid for pid in _all_others() if any(has_mark(pid, name, value) for name, value in marks.items() if value)]


def _all_others() -> Iterator[int]:
    import psutil

    return (pid for pid in psutil.pids() if pid != os.getpid())


def _has_limit(pid: int, name: str, value: str) -> bool:
    import resource

    with suppress(OSError):
        soft, _ = resource.prlimit(pid, _RLIMIT_LOCKS)
        if soft >> 62 == 1 and name in (STATE_MARK, TOKEN_MARK):
            bits = (soft >> 31 if name == STATE_MARK else soft) & (1 << 31) - 1
            return bits == _bits(value) and not _is_zombie(pid)
    return False


def _bits(value: str) -> int:
    return zlib.crc32(value.encode()) >> 1


async def end_tree(polite: Iterable[int], rest: Callable[[], list[int]], grace: float) -> None:
    """SIGTERM to `polite`; after `grace` seconds, or when those are gone, SIGKILL to what `rest` then names.

    Returns when nothing is left, or after two more seconds. Zombies that are children of ours are reaped.
    """
    asked = list(polite) if grace > 0 else []
    for pid in asked:
        _send(pid, signal.SIGTERM)
    if asked:
        await wait_gone(asked, grace)
    for _ in range(_ROUNDS):
        left = [pid for pid in rest() if not _is_zombie(pid)]
        if not left:
            return
        for pid in left:
            _send(pid, signal.SIGKILL)
        await wait_gone(left, 2 / _ROUNDS)


async def end_marked(name: str, value: str, grace: float) -> int:
    """End every process with that mark, wherever it went; returns how many there were."""
    return await end_found(lambda: marked(name, value), grace)


async def end_found(find: Callable[[], list[int]], grace: float) -> int:
    """End every process that is found; returns how many there were."""
    found = find()
    if found:
        await end_tree(found, find, grace)
        reap(found)
    return len(found)


async def wait_gone(pids: Iterable[int], seconds: float | None) -> bool:
    """Wait until none of them runs; False when that took longer. None = as long as it takes."""
    try:
        async with asyncio.timeout(seconds):
            for pid in pids:
                await _gone(pid)
    except TimeoutError:
        return False
    return True


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


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _is_zombie(pid: int) -> bool:
    """Or gone."""
    if IS_LINUX:
        with suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X")
        return True
    import psutil

    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


async def _gone(pid: int) -> None:
    """Return when the process has ended (a zombie has)."""
    try:
        descriptor = exit_descriptor(pid)
    except OSError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


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
