"""What is asked about batches by their planned ids, and about what is left up to a phase."""

import sqlite3

from harness.core.types import BatchRef


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


def positions(db: sqlite3.Connection, batch: BatchRef) -> tuple[int, int]:
    """First and last position of a batch in its phase, from 1, by item order."""
    first, last = db.execute(
        "SELECT min(place), max(place) FROM items INDEXED BY items_by_number"
        " WHERE phase = ? AND number = ? AND part = ?",
        (batch.phase, batch.number, batch.part),
    ).fetchone()
    if batch.phase == 1:  # the place of a first-phase item is its position
        return int(first), int(last)
    count = "SELECT count(*) FROM items WHERE phase = ? AND place <= ? AND state != 'skipped'"
    (last_at,) = db.execute(count, (batch.phase, last)).fetchone()
    (size,) = db.execute(
        "SELECT count(*) FROM items INDEXED BY items_by_number WHERE phase = ? AND number = ? AND part = ?",
        (batch.phase, batch.number, batch.part),
    ).fetchone()
    return last_at - size + 1, last_at


def batches_of_first_phase(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT coalesce(max(number), 0) FROM batches WHERE phase = 1").fetchone()[0])
