"""How many items are in which state, counted afresh from the rows each time."""

import sqlite3
from dataclasses import dataclass

_ROOTS = """
WITH through AS MATERIALIZED (
       SELECT number FROM numbers WHERE settled = 1 GROUP BY number HAVING count(*) = :phases),
     failed AS MATERIALIZED (
       SELECT DISTINCT root, number FROM phases p CROSS JOIN items i INDEXED BY items_by_state
       WHERE i.phase = p.phase AND state = 'failed'),
     running AS MATERIALIZED (
       SELECT root FROM phases p CROSS JOIN items i INDEXED BY items_by_state
       WHERE i.phase = p.phase AND state = 'running' EXCEPT SELECT root FROM failed),
     skipped AS MATERIALIZED (
       SELECT root, number FROM items INDEXED BY items_by_state WHERE phase = 1 AND state = 'skipped'),
     open AS (
       SELECT root FROM through t CROSS JOIN phases p CROSS JOIN items i INDEXED BY items_open
       WHERE i.phase = p.phase AND i.number = t.number AND state IN ('pending', 'running')),
     not_done AS (
       SELECT root FROM failed WHERE number IN through UNION SELECT root FROM skipped WHERE number IN through
       UNION SELECT root FROM open)
SELECT (SELECT count(*) FROM items WHERE phase = 1), (SELECT count(DISTINCT root) FROM failed),
       (SELECT count(*) FROM running), (SELECT count(DISTINCT root) FROM skipped),
       (SELECT count(*) FROM through t CROSS JOIN items i WHERE i.phase = 1 AND i.number = t.number)
         - (SELECT count(*) FROM not_done)
"""
"""Total, failed, running, skipped and done, by indexes: what is not done in batches that are through all phases is
little, so no row of a done item is looked at. Grouping all items by root took 0.25 s for 220,000 of them."""

STATES = ("pending", "running", "done", "failed", "blocked", "skipped")


@dataclass(frozen=True, slots=True)
class Counts:
    """Items by state; each item is in one state, so the sum is the total."""

    pending: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    blocked: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        return self.pending + self.running + self.done + self.failed + self.blocked + self.skipped

    @property
    def settled(self) -> int:
        return self.total - self.pending - self.running


@dataclass(frozen=True, slots=True)
class PhaseCounts:
    """The items of one phase, as far as they are known by now."""

    phase: int
    name: str
    noun: str
    counts: Counts


def phase_counts(db: sqlite3.Connection) -> list[PhaseCounts]:
    """One for each phase, in order."""
    by_phase: dict[int, dict[str, int]] = {}
    for phase, state, number in db.execute("SELECT phase, state, count(*) FROM items GROUP BY phase, state"):
        by_phase.setdefault(phase, {})[state] = number
    return [
        PhaseCounts(phase, name, noun, Counts(**by_phase.get(phase, {})))
        for phase, name, noun in db.execute("SELECT phase, name, noun FROM phases ORDER BY phase")
    ]


def job_counts(db: sqlite3.Connection) -> Counts:
    """First-phase items, one state each.

    With several phases an item is done when all that came of it is done or was left out, and failed when any of it
    failed; it is skipped when it was itself left out. Blocked is never said of a first-phase item, because nothing
    comes before it.
    """
    (phases,) = db.execute("SELECT count(*) FROM phases").fetchone()
    if phases == 1:
        return phase_counts(db)[0].counts
    total, failed, running, skipped, done = db.execute(_ROOTS, {"phases": phases}).fetchone()
    return Counts(total - failed - running - skipped - done, running, done, failed, 0, skipped)
