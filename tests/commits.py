"""Kills and full disks at the commits of a ledger: its connection, with something to happen around each COMMIT."""

import sqlite3
from collections.abc import Callable
from typing import Any

from harness.ledger.store import Ledger


class _Watched:
    """A connection that calls `around` with `before` and `after` each COMMIT."""

    def __init__(self, db: sqlite3.Connection, around: Callable[[str], None]) -> None:
        self._db = db
        self._around = around

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql != "COMMIT":
            return self._db.execute(sql, *values)
        self._around("before")
        cursor = self._db.execute(sql)
        self._around("after")
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


def around_commits(ledger: Ledger, around: Callable[[str], None]) -> None:
    """`around` is called right before and right after each commit of this ledger; what it raises is what happens
    there."""
    ledger.db = _Watched(ledger.db, around)  # type: ignore[assignment]  # behaves as the connection that it holds
