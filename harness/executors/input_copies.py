"""Copies the file of an item into an attempt's folder: what was planned is what is opened, whatever lies there now."""

import errno
import hashlib
import os
import stat
from pathlib import Path

from harness.base.beneath import opened_file, opened_folder

_PIECE_BYTES = 1 << 20


def copy_input(file: Path, top: Path, target: Path) -> str:
    """Copy an ordinary file below the folder `top` to `target`, read-only; returns the SHA-256 of the copy.

    Links are followed on the way to `top`, and never below it. OSError, with `file` as its name, when one is there,
    or the file is not.
    """
    *folders, name = file.relative_to(top).parts if file.is_relative_to(top) else file.parts[1:]
    start = top if file.is_relative_to(top) else Path(file.anchor)
    try:
        with opened_folder(start, folders, through_links=True) as folder, opened_file(name, folder) as source:
            if not stat.S_ISREG(os.fstat(source).st_mode):
                raise OSError(errno.EISDIR, "not an ordinary file")
            return _copied(source, target)
    except OSError as error:
        if error.filename == str(target):
            raise
        raise OSError(error.errno, error.strerror, str(file)) from None


def _copied(source: int, target: Path) -> str:
    digest = hashlib.sha256()
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400), "wb") as copy:
        while piece := os.read(source, _PIECE_BYTES):
            digest.update(piece)
            copy.write(piece)
    return digest.hexdigest()
