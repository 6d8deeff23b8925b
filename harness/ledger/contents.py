"""Small contents, kept in the ledger itself: written by its next transaction, so that they cost no sync of their own.

An output file or a fragment of accepted records is a few KB. As files of their own the two took four fsyncs, a third of
what an attempt cost (docs/decisions/0012).
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from harness.base.ids import Sha
from harness.ledger.verification import harden, read_only_uri, refuse_unplain

MOST_BYTES: Final = 64 * 1024
"""Of one content; a larger one is a file. Above about 100 KB SQLite is the slower of the two."""

MOST_WAITING_BYTES: Final = 8 * 1024 * 1024
"""Of all that waits for a transaction; what comes on top is a file."""

_INSERT = """INSERT INTO contents VALUES(?, ?)
    ON CONFLICT(sha) DO UPDATE SET content = excluded.content WHERE content IS NOT excluded.content"""
"""What is damaged heals when the same content comes again."""


class Contents:
    """What has been put and what the ledger holds. Implements `base.artifacts.InlineStore`; threads may share it.

    `read` looks into the ledger as it was last committed.
    """

    def __init__(self, read: Callable[[Sha], bytes | None], close: Callable[[], None] = lambda: None) -> None:
        self._read = read
        self.close = close
        self._lock = threading.Lock()
        self._waiting: dict[Sha, bytes] = {}
        self._waiting_bytes = 0

    def put(self, sha: Sha, content: bytes) -> bool:
        """Take it: durable with the ledger's next transaction, and lost with the process before. False: too large."""
        with self._lock:
            if len(content) > min(MOST_BYTES, MOST_WAITING_BYTES - self._waiting_bytes):
                return False
            if sha not in self._waiting:
                self._waiting[sha] = content
                self._waiting_bytes += len(content)
            return True

    def get(self, sha: Sha) -> bytes | None:
        """The content, not verified; None when it is not here."""
        with self._lock:
            return self._waiting[sha] if sha in self._waiting else self._read(sha)

    def write(self, db: sqlite3.Connection) -> list[Sha]:
        """Write what waits, in the transaction that is open; when that is durable it may be forgotten."""
        with self._lock:
            waiting = list(self._waiting.items())
        db.executemany(_INSERT, waiting)
        return [sha for sha, _ in waiting]

    def forget(self, shas: Iterable[Sha] | None = None) -> None:
        """These are in the ledger, or (None) there is no room for any of them."""
        with self._lock:
            for sha in list(self._waiting) if shas is None else shas:
                self._waiting_bytes -= len(self._waiting.pop(sha))


def content_of(db: sqlite3.Connection, sha: Sha) -> bytes | None:
    """What this ledger holds under `sha`; None also in one that is older than contents."""
    try:
        found = db.execute("SELECT content FROM contents WHERE sha = ?", (sha,)).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    return bytes(found[0][0]) if found else None


def contents_of(ledger: Path) -> Contents:
    """Of a ledger file, read on a connection of its own, which the first question opens and `close` closes."""
    opened: list[sqlite3.Connection] = []

    def read(sha: Sha) -> bytes | None:
        if not opened:
            refuse_unplain(ledger)
            uri = read_only_uri(ledger)
            opened.append(sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False))
            harden(opened[0])
        return content_of(opened[0], sha)

    def close() -> None:
        while opened:
            opened.pop().close()

    return Contents(read, close)
