"""The clean-shutdown mark of a ledger: the hash of its file, so that every byte changed since is noticed.

The chain covers the entries; the state tables are covered by this alone. A ledger that was not closed has none.
"""

import hashlib
import os
from pathlib import Path
from typing import Literal

from harness.base.errors import BrokenSetupError
from harness.base.files import sync_folder, write_atomic
from harness.base.job_home import mark_of
from harness.base.state import open_state

_HEX_BYTES = 64


def mark(ledger: Path) -> None:
    """Mark a file that nobody has open for writing any more, unless its write-ahead log is still needed."""
    if not _has_log(ledger):
        write_atomic(mark_of(ledger), _hash_of(ledger))


def look(ledger: Path) -> Literal["none", "whole", "broken"]:
    """Whether the file is, byte for byte, what was marked.

    A log beside it that holds something is another ledger's, or a killed opening's: SQLite would read it as its own.
    """
    try:
        with os.fdopen(open_state(mark_of(ledger), os.O_RDONLY), "rb") as file:
            content = file.read(_HEX_BYTES + 1)
    except FileNotFoundError:
        return "none"
    except BrokenSetupError:  # a link or a pipe: we did not write it
        return "broken"
    return "whole" if not _has_log(ledger) and content == _hash_of(ledger) else "broken"


def remove(ledger: Path) -> None:
    """Before the first write; durable, because a mark that came back after a power cut would not fit."""
    try:
        mark_of(ledger).unlink()
    except FileNotFoundError:
        return
    sync_folder(ledger.parent)


def _has_log(ledger: Path) -> bool:
    log = ledger.with_name(f"{ledger.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _hash_of(ledger: Path) -> bytes:
    with ledger.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().encode()
