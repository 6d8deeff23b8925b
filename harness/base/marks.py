"""Marks: how a process is known to belong to a job, a run and an attempt, whatever became of its parents."""

import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from harness.base.processes import IS_LINUX, is_zombie

TOKEN_MARK = "HARNESS_TOKEN"  # noqa: S105  a variable's name, not a secret
"""Environment variable that marks every process of one attempt."""

RUN_MARK = "HARNESS_RUN"
"""Environment variable that marks every process of one run: those of the next run of the same job have another."""

STATE_MARK = "HARNESS_STATE"
"""Environment variable that marks every process of one job, by `state_digest`."""

FOLDER_MARK = "HARNESS_FOLDER"
"""The same, by `folder_identity`: a folder that was moved is still itself, and a copy of it is not."""

_RLIMIT_LOCKS = 10
"""A limit that no kernel since 2.4.25 heeds, and that a process hands on whatever it does with its environment."""

_BITS = 20
_PLACES = {TOKEN_MARK: 0, RUN_MARK: _BITS, STATE_MARK: 2 * _BITS}
"""Where the bits of a mark stand in that limit."""


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
    """The marks of a job, a run and an attempt, 20 bits each, as a limit on file locks (RLIMIT_LOCKS); Linux only."""
    return 1 << 62 | sum(_bits(marks.get(name, "")) << place for name, place in _PLACES.items())


def has_mark(pid: int, name: str, value: str) -> bool:
    """Whether a process was started with `name=value` in its environment, or carries that mark as its `lock_limit`.

    False for zombies, and when it may not be looked into. Few bits of a mark fit into the limit: where the environment
    names another value that has the same ones, that is whose it is.
    """
    if IS_LINUX:
        named = _named(pid, name)
        if value in named:
            return True
        return _has_limit(pid, name, value) and not any(_bits(other) == _bits(value) for other in named)
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
    if IS_LINUX:
        return (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())  # noqa: PTH208
    import psutil

    return (pid for pid in psutil.pids() if pid != os.getpid())


def _named(pid: int, name: str) -> list[str]:
    """What its environment says of a mark; nothing for a process that may not be looked into."""
    with suppress(OSError):
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        mark = f"{name}=".encode()
        return [variable[len(mark) :].decode(errors="replace") for variable in variables if variable.startswith(mark)]
    return []


def _has_limit(pid: int, name: str, value: str) -> bool:
    import resource

    with suppress(OSError):
        soft, _ = resource.prlimit(pid, _RLIMIT_LOCKS)
        if soft >> 62 == 1 and name in _PLACES:
            bits = soft >> _PLACES[name] & (1 << _BITS) - 1
            return bits == _bits(value) and not is_zombie(pid)
    return False


def _bits(value: str) -> int:
    return zlib.crc32(value.encode()) >> 32 - _BITS
