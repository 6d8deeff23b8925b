"""Opens a file below a folder, component by component, so that no link on the way is ever followed."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextmanager
def opened_folder(folder: Path, names: Sequence[str], *, through_links: bool = False) -> Iterator[int]:
    """A descriptor of `folder/name/name/...`. OSError: ELOOP or ENOTDIR where a link or a file is on the way.

    `through_links`: `folder` itself may be a link; what is below never.
    """
    if any(name in ("", ".", "..") or "/" in name for name in names):
        raise ValueError(f"not names below a folder: {names!r}")
    opened = os.open(folder, FOLDER & ~os.O_NOFOLLOW if through_links else FOLDER)
    try:
        for name in names:
            deeper = os.open(name, FOLDER, dir_fd=opened)
            os.close(opened)
            opened = deeper
        yield opened
    finally:
        os.close(opened)


@contextmanager
def opened_file(name: str, folder: int) -> Iterator[int]:
    """A descriptor of the file `name` in that open folder; never blocks on a pipe. OSError with ELOOP for a link."""
    opened = os.open(name, _FILE, dir_fd=folder)
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def opened_folder_in(name: str, folder: int) -> Iterator[int]:
    """A descriptor of the folder `name` in that open folder. OSError with ENOTDIR or ELOOP for a link."""
    opened = os.open(name, FOLDER, dir_fd=folder)
    try:
        yield opened
    finally:
        os.close(opened)
