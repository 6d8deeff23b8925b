"""How many items are in which state, counted afresh from the rows each time."""

import sqlite3
from dataclasses import dataclass

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

    With several phases an item is done when all that came of it is done, and failed when any of it failed; blocked is
    never said of a first-phase item, because nothing comes before it.
    """
    (phases,) = db.execute("SELECT count(*) FROM phases").fetchone()
    if phases == 1:
        return phase_counts(db)[0].counts
    rows = db.execute(
        """WITH roots AS (
             SELECT root, min(number) AS number, max(state = 'failed') AS failed, max(state = 'running') AS running,
                    max(state = 'pending') AS pending, max(state = 'skipped') AS skipped FROM items GROUP BY root)
           SELECT CASE WHEN failed THEN 'failed' WHEN running THEN 'running' WHEN pending THEN 'pending'
                       WHEN skipped THEN 'skipped'
                       WHEN (SELECT count(*) FROM numbers n WHERE n.number = roots.number AND settled = 1) = ?
                       THEN 'done' ELSE 'pending' END AS state, count(*) FROM roots GROUP BY state""",
        (phases,),
    )
    return Counts(**dict(rows.fetchall()))
