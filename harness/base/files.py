"""The only writer: what must survive goes through here, durable; private (0600 in 0700) but for what is the user's."""

import contextlib
import glob
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from harness.base.errors import BrokenSetupError


def make_folder(path: Path) -> Path:
    """Create `path` and its parents, private to the user. Not durable by itself; write_atomic makes it so."""
    try:
        path.mkdir(mode=0o700)
    except FileNotFoundError:  # mkdir(parents=True) would give the parents the mode of the umask
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError:  # whatever the system says of one that is there: EEXIST, or EROFS
        if not path.is_dir():
            raise
    return path


def make_users_folder(path: Path) -> Path:
    """Create `path` and its parents for what belongs to the user: with the modes that umask and setgid give it."""
    path.mkdir(parents=True, exist_ok=True)
    return path


def open_for_user(path: Path, like: Path) -> int:
    """A descriptor of the new file `path`, which is to take the place of `like`: with its mode and group, if it is
    there, else with those that umask and setgid give it. Never more open than `like` at any moment."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        old = like.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return os.open(path, flags, 0o666)
    if not stat.S_ISREG(old.st_mode):
        return os.open(path, flags, 0o666)
    descriptor = os.open(path, flags, 0o600)
    with contextlib.suppress(OSError):  # a group that this user is not in
        os.fchown(descriptor, -1, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)
    return descriptor


def refuse_shared(path: Path) -> None:
    """Take from a folder of ours what lets others write there. BrokenSetupError where it belongs to somebody else.

    Root goes on in folders of other users: who owns the job may do as much by its manifest.
    """
    found = path.stat()
    user = os.geteuid()
    if found.st_uid != user and user != 0:
        message = f"{path} belongs to the user {found.st_uid}, who could put requests and results there"
        raise BrokenSetupError(message, hint=f"`sudo chown -R {user} {path}`, or launch as that user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        path.chmod(stat.S_IMODE(found.st_mode) & ~(stat.S_IWGRP | stat.S_IWOTH))


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(
    path: Path, content: bytes | Iterable[bytes], *, mode: int | None = 0o600, staging: Path | None = None
) -> None:
    """Put `content` at `path`, whole or not at all; durable when it returns.

    Written in `staging` (default: beside the target; it must be on the same device) as a dot file, fsynced, renamed,
    folder fsynced. `mode` None: the file is the user's (`open_for_user`). A reader sees the old file or the new one. On
    an OSError nothing is left behind; after a kill half a file may be, for `remove_half_written`.
    """
    beside = (staging or path.parent) / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = open_for_user(beside, path) if mode is None else os.open(beside, flags, mode)
        with os.fdopen(descriptor, "wb") as file:
            for piece in (content,) if isinstance(content, bytes) else content:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise named(error, path) from error
        raise
    sync_folder(path.parent)


def named(error: OSError, path: Path) -> OSError:
    """The same error with a file in it: a write that fails names none, and people ask which disk it was."""
    is_named = error.filename is not None or error.errno is None
    return error if is_named else OSError(error.errno, error.strerror, str(path))


def remove_half_written(staging: Path, name: str = "*") -> None:
    """Remove what kills left of files that write_atomic was to put there; only while nobody else writes them."""
    for path in staging.glob(f".{glob.escape(name) if name != '*' else name}.????????.tmp"):
        path.unlink(missing_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path`, 0600, not durable: for what can be made again."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
