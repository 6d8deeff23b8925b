"""Removes folders that strangers have filled: deep, wide, locked or full of links, in steps of the same size."""

import os
import secrets
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_TRIES = 3
"""For one folder: a file system may leave names out of a listing while others are removed."""


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it; what is gone already is no error, what cannot be removed stays.

    Follows no link, and needs two descriptors and no recursion, however deep it is: a folder within a folder is first
    moved to the top. Only while nobody else writes there.
    """
    tries: Counter[str] = Counter()
    numbers, mark = count(), f".gone-{secrets.token_hex(8)}-"
    with suppress(OSError), _opened(path) as top:
        while names := [name for name in _clear(top) if tries[name] < _MOST_TRIES]:
            for name in names:
                try:
                    _flatten(top, name, (f"{mark}{number}" for number in numbers))
                except OSError:
                    tries[name] += 1
    with suppress(OSError):
        path.rmdir()


def _flatten(top: int, name: str, new_names: Iterator[str]) -> None:
    """Remove the folder `name` of `top`; the folders in it come to lie in `top`, under new names."""
    os.chmod(name, stat.S_IRWXU, dir_fd=top)
    with _opened(name, top) as folder:
        for deeper in _clear(folder):
            os.chmod(deeper, stat.S_IRWXU, dir_fd=folder)
            os.rename(deeper, next(new_names), src_dir_fd=folder, dst_dir_fd=top)
    os.rmdir(name, dir_fd=top)


def _clear(folder: int) -> list[str]:
    """Unlink all but folders; returns the names of those."""
    inner = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    inner.append(entry.name)
                else:
                    os.unlink(entry.name, dir_fd=folder)
    return inner


@contextmanager
def _opened(folder: str | Path, within: int | None = None) -> Iterator[int]:
    descriptor = os.open(folder, _FOLDER, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
