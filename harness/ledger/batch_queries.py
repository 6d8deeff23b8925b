"""What is asked about batches by their planned ids, and about what is left up to a phase."""

import sqlite3
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """A planned batch, how many of its items are in which state, and what its attempts took."""

    batch: BatchRef
    phase: str
    noun: str
    states: dict[str, int]
    attempts: int = 0
    cost_microusd: int = 0
    took_s: float = 0.0


def batch_counts(db: sqlite3.Connection) -> list[BatchCounts]:
    """Every batch, by phase and number."""
    tried = _tried(db)
    rows = db.execute(
        """SELECT b.phase, b.number, b.part, p.name, p.noun, i.state, count(i.item)
           FROM batches b JOIN phases p ON p.phase = b.phase
           LEFT JOIN items i ON i.phase = b.phase AND i.number = b.number AND i.part = b.part
           GROUP BY b.phase, b.number, b.part, i.state ORDER BY b.phase, b.number, b.part"""
    )
    found: dict[BatchRef, BatchCounts] = {}
    for phase, number, part, name, noun, state, items in rows:
        ref = BatchRef(phase, number, part)
        counts = found.setdefault(ref, BatchCounts(ref, name, noun, {}, *tried.get(ref, ())))
        if state is not None:
            counts.states[state] = items
    return list(found.values())


def _tried(db: sqlite3.Connection) -> dict[BatchRef, tuple[int, int, float]]:
    rows = db.execute(
        """SELECT phase, number, part, count(*), coalesce(sum(charged_microusd), 0), coalesce(sum(duration_s), 0)
           FROM attempts GROUP BY phase, number, part"""
    )
    return {BatchRef(phase, number, part): tuple(sums) for phase, number, part, *sums in rows}
