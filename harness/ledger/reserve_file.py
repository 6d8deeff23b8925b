"""Room held on the ledger's disk: let go when the disk is full, so that the stop itself can be recorded."""

import errno
import os
from pathlib import Path
from typing import Final

SIZE_BYTES: Final = 256 * 1024
"""A settling transaction of 20 items takes about 100 KiB of write-ahead log."""


def lay(path: Path) -> None:
    """Take the room, for good: blocks, not a hole. OSError when there is none."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, SIZE_BYTES)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            path.unlink(missing_ok=True)
            raise
        os.pwrite(descriptor, bytes(SIZE_BYTES), 0)
    finally:
        os.close(descriptor)


def let_go(path: Path) -> None:
    """Give the room back; without it there is nothing to give."""
    path.unlink(missing_ok=True)
