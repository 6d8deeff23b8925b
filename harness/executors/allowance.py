"""What one session may take of this machine: limits that the kernel keeps, and a look at the whole of it.

The kernel's limits hold at once, for each process. They do not add up what a tree of processes takes, and the number of
processes of root they do not limit at all (no user namespace changes that); so the tree and the folders that the
session can write are looked at too, about once a second.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.base import child
from harness.base.beneath import opened_folder
from harness.base.child import Limits
from harness.base.clock import Clock
from harness.base.processes import threads
from harness.core.messages import Message, message
from harness.executors.memory import held_bytes, nameless_bytes

_MIB, _GIB = 1 << 20, 1 << 30
_RESERVED_BY_CLI = 12 * _GIB
"""Address space that the CLI reserves and hardly uses: 5.5 GiB at the start, 9.9 GiB at its peak (2.1.329)."""

MEMORY_FOLDER_BYTES = 256 * _MIB
"""The most that each of a sandbox's folders in memory may hold: /tmp and /dev/shm. TMPDIR is on disk."""

_MOST_DEPTH = 200
_LOOK_S = 1.0
_LOOK_SHARE = 50
"""A look that takes long is repeated less often: at most 2 % of the time is spent looking."""


def _half_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


@dataclass(frozen=True, slots=True)
class Allowance:
    """Far above what any honest session was seen to take: a guard for the machine, not a means to save."""

    processes: int = 1024
    """Of the whole session; the CLI with a build in its Bash tool has dozens."""
    threads: int = 4096
    """Of all its processes together; the CLI has about 20."""
    resident_bytes: int = field(default_factory=_half_of_memory)
    """In memory, of the whole session, which has about 0.2 GiB; beyond half of the machine all others are in danger."""
    files: int = 20_000
    """In the folders that it can write, which hold about 25; an unpacked archive has thousands."""
    written_bytes: int = 4 * _GIB
    """In these folders and in open files without a name together, and in a single file; an output may have 64 MiB."""
    open_files: int = 8192
    """Of one process. The CLI has 17."""


def limited(argv: Sequence[str], allowance: Allowance, lock_limit: int) -> tuple[str, ...]:
    """The command that runs `argv` with the kernel's limits on it, and marked by one of them; costs about 1 ms.

    Limits that are lower already stay. When memory runs out the kernel ends the session and not the supervisor.
    """
    return child.limited(
        argv,
        Limits(
            lock_limit=lock_limit,
            file_blocks=allowance.written_bytes // 512,
            data_kib=(_RESERVED_BY_CLI + allowance.resident_bytes) // 1024,
            processes=_threads_now() + 2 * allowance.processes,
            open_files=allowance.open_files,
            ends_first=True,
        ),
    )


def _threads_now() -> int:
    """Of the whole machine: the kernel counts the threads of a user wherever they are."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/loadavg").read_text().split()[3].split("/")[1])
    return 0


async def until_excess(
    allowance: Allowance,
    processes: Callable[[int], Iterable[int]],
    folders: Sequence[Path],
    clock: Clock,
    is_too_much: Callable[[int], Message | None] = lambda held: None,
) -> Message:
    """Return what a session takes too much of, when it does; never, while it does not.

    `processes` gives those of the session, at most so many; `is_too_much` says so of the bytes that it holds in memory.
    """
    pause = _LOOK_S
    while True:
        await clock.sleep(pause)
        began = time.perf_counter()
        found = await asyncio.to_thread(_taken, allowance, processes, folders)
        excess = is_too_much(found) if isinstance(found, int) else found
        if excess is not None:
            return excess
        pause = max(_LOOK_S, _LOOK_SHARE * (time.perf_counter() - began))


def _taken(allowance: Allowance, processes: Callable[[int], Iterable[int]], folders: Sequence[Path]) -> Message | int:
    """What is too much; the bytes that it holds in memory, when nothing is."""
    pids = list(processes(allowance.processes + 1))
    if len(pids) > allowance.processes:
        return message("too_many_processes", limit=allowance.processes)
    if threads(pids) > allowance.threads:
        return message("too_many_threads", limit=allowance.threads)
    in_memory, on_disk = nameless_bytes(pids)
    held = in_memory + held_bytes(pids, max(0, allowance.resident_bytes - in_memory))
    if held > allowance.resident_bytes:
        return message("too_much_memory", mib=held // _MIB, limit_mib=allowance.resident_bytes // _MIB)
    return written(allowance, folders, on_disk) or held


def written(allowance: Allowance, folders: Sequence[Path], nameless: int = 0) -> Message | None:
    """What is too much in these folders, with so many bytes that lie in none; None when nothing is.

    No link is followed, also not one that is put in the place of a folder meanwhile; nor is a folder gone into that
    cannot be opened.
    """
    files, size = 0, nameless
    if size > allowance.written_bytes:
        return _too_much_written(allowance)
    waiting: list[tuple[Path, tuple[str, ...]]] = [(folder, ()) for folder in folders]
    while waiting:
        top, names = waiting.pop()
        with suppress(OSError), opened_folder(top, names) as folder, os.scandir(folder) as entries:
            for entry in entries:
                files += 1
                with suppress(FileNotFoundError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                if files > allowance.files:
                    return message("too_many_files", limit=allowance.files)
                if size > allowance.written_bytes:
                    return _too_much_written(allowance)
                if entry.is_dir(follow_symlinks=False):
                    if len(names) == _MOST_DEPTH:
                        return message("too_deep")
                    waiting.append((top, (*names, entry.name)))
    return None


def _too_much_written(allowance: Allowance) -> Message:
    return message("too_much_written", limit_mib=allowance.written_bytes // _MIB)
