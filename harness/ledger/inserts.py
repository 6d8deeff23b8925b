"""Rows go into the state tables by the names of their columns."""

import sqlite3
from collections.abc import Iterable, Mapping
from functools import cache


def insert(db: sqlite3.Connection, into: str, /, **columns: object) -> sqlite3.Cursor:
    """One row; `into` is the beginning of the statement, such as `INSERT INTO groups`."""
    return db.execute(_statement(into, tuple(columns)), tuple(columns.values()))


def insert_each(db: sqlite3.Connection, into: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Rows with the same columns in the same order."""
    several = list(rows)
    if several:
        db.executemany(_statement(into, tuple(several[0])), [tuple(row.values()) for row in several])


@cache
def _statement(into: str, names: tuple[str, ...]) -> str:
    return f"{into}({', '.join(names)}) VALUES({', '.join('?' * len(names))})"
