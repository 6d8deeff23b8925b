"""A merge that is a folder: the bytes of one file per item, copied out of the store."""

import contextlib
import ctypes
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from harness.base.artifacts import ArtifactStore
from harness.base.files import make_users_folder, open_for_user, sync_folder
from harness.base.ids import Sha
from harness.core.names import fixed_folder

_HERE: Final = -100
"""AT_FDCWD."""
_RENAME_EXCHANGE: Final = 2


def copy_files(lines: Iterable[bytes], folder: Path, target: Path, pattern: str, store: ArtifactStore) -> int:
    """Copy the file that each record names into `folder`, durably; returns the bytes written.

    Files and folders that are in `target` already, whose place `folder` is to take, keep the modes they have there.

    A fixed folder at the front of the `pattern` (`out/{id}.md`) is left out. LedgerDamagedError when a content is not
    what was stored.
    """
    fixed = fixed_folder(pattern)
    _make_like(folder, target)
    folders = {folder}
    size = 0
    for line in lines:
        record = json.loads(line)
        name = record["file"].removeprefix(f"{fixed}/") if fixed else record["file"]
        path = folder / name
        for parent in reversed(Path(name).parents[:-1]):
            if folder / parent not in folders:
                folders.add(_make_like(folder / parent, target / parent))
        size += _copy(Sha(record["sha"]), path, target / name, store)
    for written in folders:
        sync_folder(written)
    return size


def hash_of_folder(folder: Path) -> Sha:
    """Of the names and contents of everything in it, whatever the order on disk; links and pipes are not opened."""
    digest = hashlib.sha256()
    for path in sorted(_below(folder), key=lambda path: path.relative_to(folder).as_posix()):
        mode = path.lstat().st_mode
        content = f"{stat.S_IFMT(mode):o}"
        if stat.S_ISREG(mode):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{content} {path.relative_to(folder).as_posix()}\0".encode(errors="surrogateescape"))
    return Sha(digest.hexdigest())


def swap_folders(new: Path, target: Path, aside: Path) -> Path:
    """Put the folder `new` at `target`, where a folder is; returns where the old one is now.

    One step where the kernel can exchange two names; elsewhere the target goes `aside` first and is
    missing for a moment.
    """
    if _exchange(new, target):
        return new
    target.rename(aside)
    new.rename(target)
    return aside


def _exchange(one: Path, other: Path) -> bool:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "renameat2"):
        return False
    renamed: int = libc.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _RENAME_EXCHANGE)
    return renamed == 0


def _below(folder: Path) -> Iterator[Path]:
    """Everything but the folders themselves."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path))
            else:
                yield Path(entry.path)


def _make_like(folder: Path, old: Path) -> Path:
    """A new folder, with mode and group of the one whose place it is to take."""
    make_users_folder(folder)
    if old.is_dir() and not old.is_symlink():
        status = old.stat()
        with contextlib.suppress(OSError):  # a group that this user is not in
            os.chown(folder, -1, status.st_gid)
        folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
    return folder


def _copy(sha: Sha, path: Path, old: Path, store: ArtifactStore) -> int:
    digest = hashlib.sha256()
    source = store.open(sha)
    with source, os.fdopen(open_for_user(path, old), "wb") as file:
        while piece := source.read(1 << 20):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    if digest.hexdigest() != sha:
        raise store.changed(sha)
    return size
