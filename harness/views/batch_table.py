"""Each batch by its planned id: what came of its items, how many attempts it took, how long, and for how much."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

from harness.base.durations import in_words
from harness.core.money import in_words as money
from harness.core.money import to_usd
from harness.ledger.batch_queries import BatchCounts, batch_counts
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
    return [_row(found, is_held=is_held) for found in batch_counts(db)]


def _row(found: BatchCounts, *, is_held: bool) -> BatchRow:
    states = dict(found.states)
    if not is_held and "running" in states:
        states["pending"] = states.pop("running") + states.get("pending", 0)
    counts = Counts(**states)
    order: tuple[State, ...] = ("running", "pending", "failed", "blocked", "done")
    state: State = next((state for state in order if getattr(counts, state)), "skipped" if counts.skipped else "done")
    batch = found.batch
    label = f"{batch.number}.{batch.part}" if batch.part else str(batch.number)
    return BatchRow(label, found.phase, found.noun, state, counts, found.attempts, found.cost_microusd, found.took_s)


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
