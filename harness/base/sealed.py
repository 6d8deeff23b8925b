"""A file's content as a descriptor to read from, through which nobody can write: not even by way of /proc."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SEALS = 0xF
"""F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE."""


@contextmanager
def sealed(path: Path) -> Iterator[int]:
    """The content of `path`, at its beginning. On Linux a sealed copy in memory: an open file can be opened again for
    writing there, whatever it was opened for and wherever its folder is. OSError when it cannot be read."""
    with path.open("rb") as file:
        if not hasattr(os, "memfd_create"):
            yield file.fileno()
            return
        copy = os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with os.fdopen(os.dup(copy), "wb") as memory:
                shutil.copyfileobj(file, memory)
            fcntl.fcntl(copy, fcntl.F_ADD_SEALS, _SEALS)
            os.lseek(copy, 0, os.SEEK_SET)
            yield copy
        finally:
            os.close(copy)
