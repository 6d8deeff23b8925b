"""A job's state folder may have come with a download: nothing of it is opened or entered through a link.

Our own files there are plain ones of one name. A link would lead a write elsewhere, a pipe would be waited for.
"""

import errno
import os
import shlex
import stat
from pathlib import Path

from harness.base.errors import BrokenSetupError
from harness.base.job_home import JobHome

_NO_FILE = (errno.ELOOP, errno.ENXIO, errno.EISDIR)
"""What open says of a link, of a pipe or socket that nobody reads, and of a folder."""


def refuse_linked(state: Path) -> Path:
    """The state folder, when neither it, nor `.harness`, nor a folder in it is a link; else BrokenSetupError.

    The job's folder itself may lie behind a link.
    """
    for folder in (state.parent, state, *JobHome(state).folders):
        if _is_link(folder):
            message = f"{folder} is a link, where a folder was expected; nothing was read or written behind it"
            raise BrokenSetupError(message, hint=_look_at(folder))
    return state


def open_state(path: Path, flags: int) -> int:
    """A descriptor of a file of ours; new ones are private. BrokenSetupError when it is no plain file of one name.

    FileNotFoundError without O_CREAT when there is none. Nothing is waited for, and nothing was changed.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _no_plain_file(path) from None
        raise
    if not is_plain(os.fstat(descriptor)):
        os.close(descriptor)
        raise _no_plain_file(path)
    return descriptor


def is_plain(found: os.stat_result) -> bool:
    """An ordinary file without a second name, through which another file would be read or written."""
    return stat.S_ISREG(found.st_mode) and found.st_nlink <= 1


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # who may not look says so when it is opened
        return False


def _no_plain_file(path: Path) -> BrokenSetupError:
    message = f"expected a regular file at {path}, got a link, a pipe, a folder or a file with a second name"
    return BrokenSetupError(message, hint=_look_at(path))


def _look_at(path: Path) -> str:
    return f"`ls -ld {shlex.quote(str(path))}` shows what it is; Harness did not create it: remove it"
