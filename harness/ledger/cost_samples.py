"""What the ledger knows about cost and time so far, as the forecast needs it."""

import sqlite3

from harness.core.forecast import Rest, Sample


def samples(db: sqlite3.Connection) -> list[Sample]:
    """One for each phase with an ended attempt that was not excused. Costs nothing but sums."""
    rows = db.execute(
        """SELECT phase, count(*), sum(charged_microusd), sum(1.0 * charged_microusd * charged_microusd),
                  sum(duration_s), sum(duration_s * duration_s)
           FROM attempts WHERE outcome IN ('succeeded', 'partial', 'failed') GROUP BY phase"""
    ).fetchall()
    settled = dict(
        db.execute(
            """SELECT phase, count(*) FROM (
                 SELECT phase FROM items WHERE state = 'failed'
                 UNION ALL
                 SELECT accepted.phase FROM accepted JOIN attempts ON attempts.id = accepted.attempt
                 WHERE attempts.outcome IN ('succeeded', 'partial', 'failed')
               ) GROUP BY phase"""
        ).fetchall()
    )
    return [
        Sample(phase, attempts, settled.get(phase, 0), cost, cost_squares, seconds, seconds_squares)
        for phase, attempts, cost, cost_squares, seconds, seconds_squares in rows
    ]


def rests(db: sqlite3.Connection, parallel: int) -> list[Rest]:
    """What each phase still has to do; items that are not made yet are estimated from those that are."""
    known = {
        phase: (settled, total)
        for phase, settled, total in db.execute(
            "SELECT phase, sum(state IN ('done', 'failed', 'blocked', 'skipped')), count(*) FROM items GROUP BY phase"
        )
    }
    expected: dict[int, float] = {}
    result: list[Rest] = []
    for phase, from_phase, needs, makes_items in db.execute(
        "SELECT phase, from_phase, needs, makes_items FROM phases ORDER BY phase"
    ).fetchall():
        settled, total = known.get(phase, (0, 0))
        expected[phase] = float(total)
        if from_phase:
            entered = _entered(db, from_phase)
            each = total / entered if makes_items and entered else 1.0
            expected[phase] = max(float(total), expected[from_phase] * each)
        result.append(Rest(phase, max(0.0, expected[phase] - settled), 1 if needs == "previous" else parallel))
    return result


def _entered(db: sqlite3.Connection, phase: int) -> int:
    """Items of a phase that are done, so that later phases know what they make of them."""
    (number,) = db.execute("SELECT count(*) FROM items WHERE phase = ? AND state = 'done'", (phase,)).fetchone()
    return int(number)
