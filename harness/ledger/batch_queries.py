"""What is asked about batches by their planned ids, and about what is left up to a phase."""

import sqlite3


def planned_batches(db: sqlite3.Connection) -> set[tuple[int, int]]:
    """Number and part of every batch of any phase; part 0 where it is not cut."""
    return {(number, part) for number, part in db.execute("SELECT DISTINCT number, part FROM batches")}


def roots_in(db: sqlite3.Connection, first: int, last: int, part: int | None) -> set[str]:
    """The first-phase items of these batches, or of that part of them."""
    query = "SELECT DISTINCT root FROM items WHERE number BETWEEN ? AND ? AND (? IS NULL OR part = ?)"
    return {row[0] for row in db.execute(query, (first, last, part, part))}


def is_open(db: sqlite3.Connection, *, until: int) -> bool:
    """Is something left to do in the phases up to this one?"""
    query = "SELECT 1 FROM items WHERE state IN ('pending', 'running') AND phase <= ? LIMIT 1"
    return db.execute(query, (until,)).fetchone() is not None
