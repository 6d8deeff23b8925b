"""Each batch by its planned id: what came of its items, how many attempts it took, how long, and for how much."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

from harness.base.durations import in_words
from harness.core.money import in_words as money
from harness.core.money import to_usd
from harness.ledger.counts import STATES, Counts
from harness.views.wording import clean, counted

State = Literal["pending", "running", "done", "failed", "blocked", "skipped"]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """`id` is `2`, or `2.1` for a part; `took_s` are the seconds of its sessions, one after the other."""

    id: str
    phase: str
    noun: str
    state: State
    """`running` while a session works on it, `pending` while anything is left to do; `failed` when any item failed."""
    counts: Counts
    attempts: int
    cost_microusd: int
    took_s: float

    def as_json(self) -> dict[str, Any]:
        return {
            "batch": self.id,
            "phase": self.phase,
            "state": self.state,
            "counts": asdict(self.counts),
            "attempts": self.attempts,
            "cost_usd": float(to_usd(self.cost_microusd)),
            "took_s": round(self.took_s, 1),
        }


def batch_rows(db: sqlite3.Connection, *, is_held: bool) -> list[BatchRow]:
    """Every batch that was planned, by phase and number. Without a supervisor (`is_held`) nothing runs."""
    tried: dict[tuple[int, int, int], tuple[int, int, float]] = {
        (phase, number, part): (attempts, cost, took)
        for phase, number, part, attempts, cost, took in db.execute(
            """SELECT phase, number, part, count(*), coalesce(sum(charged_microusd), 0), coalesce(sum(duration_s), 0)
               FROM attempts GROUP BY phase, number, part"""
        )
    }
    rows = db.execute(
        """SELECT b.phase, b.number, b.part, p.name, p.noun, i.state, count(i.item)
           FROM batches b JOIN phases p ON p.phase = b.phase
           LEFT JOIN items i ON i.phase = b.phase AND i.number = b.number AND i.part = b.part
           GROUP BY b.phase, b.number, b.part, i.state ORDER BY b.phase, b.number, b.part"""
    )
    found: dict[tuple[int, int, int], tuple[str, str, dict[str, int]]] = {}
    for phase, number, part, name, noun, state, items in rows:
        *_, counts = found.setdefault((phase, number, part), (name, noun, {}))
        if state is not None:
            state = "pending" if state == "running" and not is_held else state
            counts[state] = counts.get(state, 0) + items
    return [
        _row(key, name, noun, Counts(**counts), tried.get(key, (0, 0, 0.0)))
        for key, (name, noun, counts) in found.items()
    ]


def _row(key: tuple[int, int, int], name: str, noun: str, counts: Counts, tried: tuple[int, int, float]) -> BatchRow:
    _, number, part = key
    order: tuple[State, ...] = ("running", "pending", "failed", "blocked", "done")
    state: State = next((state for state in order if getattr(counts, state)), "skipped" if counts.skipped else "done")
    return BatchRow(f"{number}.{part}" if part else str(number), name, noun, state, counts, *tried)


def batch_lines(rows: Sequence[BatchRow]) -> Iterator[str]:
    """One line a batch: `2  done     20 seeds, 2 attempts, $0.31, 4m 10s`; with several phases, their names above."""
    several = len({row.phase for row in rows}) > 1
    width = max((len(row.id) for row in rows), default=1)
    phase = None
    for row in rows:
        if several and row.phase != phase:
            yield f"{clean(row.phase)}"
        phase = row.phase
        parts = [counted(row.counts.total, clean(row.noun)), *_mixed(row)]
        if row.attempts:
            took = [in_words(timedelta(seconds=round(row.took_s)))] if row.took_s >= 1 else []
            cost = [money(row.cost_microusd)] if row.cost_microusd else []
            parts += [counted(row.attempts, "attempt"), *cost, *took]
        yield f"  {row.id:<{width}}  {row.state:<7}  {', '.join(parts)}"


def _mixed(row: BatchRow) -> list[str]:
    """How many are in which state, where they are not all in one."""
    counts = {state: getattr(row.counts, state) for state in STATES if getattr(row.counts, state)}
    return [f"{count:,} {state}" for state, count in counts.items()] if len(counts) > 1 else []
