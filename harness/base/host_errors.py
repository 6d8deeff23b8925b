"""Host errors in words: which disk it was, and what to do about it."""

import errno
import os
import sqlite3
from pathlib import Path
from typing import Final

from harness.base.errors import BrokenSetupError

_LEAST_BYTES: Final = 16 * 1024
_NO_THREAD: Final = "can't start new thread"
_AGAIN: Final = "then run the same command again; nothing accepted is lost"
_WORDS: Final[dict[int, tuple[str, str]]] = {
    errno.ENOSPC: ("the disk of {place} is full", f"make room there, {_AGAIN}"),
    errno.EDQUOT: ("the disk quota for {place} is used up", f"make room there, {_AGAIN}"),
    errno.EROFS: ("the disk of {place} is read-only", f"make it writable (`dmesg` may say why it is not), {_AGAIN}"),
    errno.EIO: ("the disk of {place} reported an error", f"look into `dmesg` and repair the disk, {_AGAIN}"),
    errno.EMFILE: ("this process has too many open files", f"raise `ulimit -n` or lower `parallel`, {_AGAIN}"),
    errno.EAGAIN: ("the host cannot start more processes", f"end other programs or lower `parallel`, {_AGAIN}"),
    errno.ENOMEM: ("the host has no memory left", f"end other programs or lower `parallel`, {_AGAIN}"),
    errno.ENOLCK: (
        "the disk of {place} does not support locks",
        "move the job to a local disk",
    ),
    errno.ENOTSUP: ("the disk of {place} does not support this operation", "move the job to a local disk"),
    errno.ENFILE: ("the host has too many open files", f"end other programs or lower `parallel`, {_AGAIN}"),
}
_OF_SQLITE: Final[dict[int, int]] = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_CANTOPEN: errno.EIO,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
}
"""What is the machine's doing, by SQLite's primary result code; every other code is about the file's content."""


def is_of_the_machine(error: Exception) -> bool:
    """Not the program or a file's content is wrong, but the disk, the memory or a bound under it."""
    if isinstance(error, sqlite3.Error):
        return _number(error) in _OF_SQLITE
    return isinstance(error, OSError | MemoryError) or (isinstance(error, RuntimeError) and str(error) == _NO_THREAD)


def in_words(error: Exception, place: Path) -> BrokenSetupError:
    """The error for people. `place` is named where the error itself does not say which file it was."""
    if isinstance(error, sqlite3.Error):
        code, reason = number_of(error), str(error)
    elif isinstance(error, OSError):
        code, reason = number_of(error), error.strerror or str(error)
        place = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else place
    elif isinstance(error, MemoryError):
        code, reason = errno.ENOMEM, str(error) or os.strerror(errno.ENOMEM)
    else:
        code, reason = errno.EAGAIN, str(error)
    says, hint = _WORDS.get(code, ("the host refused an operation at {place}", f"fix that, {_AGAIN}"))
    if code == errno.ENOSPC and _has_no_inodes(place):
        says = "the disk of {place} has no inodes left (too many files)"
    return BrokenSetupError(f"{says.format(place=place)}: {reason}", hint=hint)


def number_of(error: OSError | sqlite3.Error) -> int:
    """The errno that says what the machine did not do."""
    if isinstance(error, sqlite3.Error):
        return _OF_SQLITE.get(_number(error), errno.EIO)
    return error.errno or errno.EIO


def is_full(folder: Path) -> bool:
    """Nothing worth writing fits on the disk of this folder any more."""
    try:
        told = os.statvfs(folder)
    except OSError:
        return False
    return told.f_bavail * told.f_frsize < _LEAST_BYTES or (told.f_files > 0 and told.f_favail == 0)


def _number(error: sqlite3.Error) -> int:
    """The primary result code; errors that the module itself raises have none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def _has_no_inodes(place: Path) -> bool:
    for folder in (place, *place.parents):
        try:
            told = os.statvfs(folder)
        except OSError:
            continue
        return told.f_files > 0 and told.f_favail == 0
    return False
