"""Attempts as people see them: what they are called, how they ended, and what was said of each of their items."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Literal

from harness.base.reason import Reason
from harness.core import events as e
from harness.core.fault_kinds import FaultKind
from harness.ledger import recorded_attempts
from harness.ledger.batch_queries import batches_of_first_phase
from harness.ledger.entry_queries import events_backwards
from harness.ledger.item_reasons import reasons_of_event
from harness.ledger.phase_queries import phases
from harness.ledger.recorded_attempts import AttemptRow
from harness.views.wording import clean, counted, shorten_id

Said = Literal["accepted", "struck", "returned", "failed", "again"]
"""Of one item in one attempt: done; a strike; rejected without a strike; out of strikes; nothing was concluded."""


@dataclass(frozen=True, slots=True)
class BatchName:
    """What one group is called: `Batch 7/34 (20 seeds)`, `translate batch 7/34 (20 seeds)`."""

    phase: str | None
    """None when the job has one phase only."""
    label: str
    total: int
    """Batches of the first phase; parts of a batch share its number."""
    noun: str
    items: tuple[str, ...]

    def __str__(self) -> str:
        who = shorten_id(self.items[0], 40) if len(self.items) == 1 else counted(len(self.items), clean(self.noun))
        batch = f"{clean(self.phase)} batch" if self.phase else "Batch"
        return f"{batch} {self.label}/{self.total} ({who})"


class BatchNames:
    """Names batches; reads phases and totals once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._phases = {phase.number: phase for phase in phases(db)}
        self._total = batches_of_first_phase(db)

    def name(self, phase: int, number: int, part: int, items: tuple[str, ...]) -> BatchName:
        named = self._phases[phase]
        label = f"{number}.{part}" if part else str(number)
        return BatchName(named.name if len(self._phases) > 1 else None, label, self._total, named.noun, items)

    def of_attempt(self, row: AttemptRow) -> BatchName:
        return self.name(row.phase, row.number, row.part, row.items)


@dataclass(frozen=True, slots=True)
class ItemVerdict:
    """What an attempt said of one item."""

    said: Said
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptView(AttemptRow):
    """An attempt with the name of its batch. `duration_s` is None where nobody saw when it ended."""

    batch: BatchName


def all_attempts(db: sqlite3.Connection) -> Iterator[AttemptView]:
    """Every attempt, in the order they started."""
    return _views(db, recorded_attempts.all_attempts(db))


def attempts_of(db: sqlite3.Connection, phase: int, item: str) -> list[AttemptView]:
    """The attempts that one item of one phase was in, in order."""
    return list(_views(db, recorded_attempts.attempts_of(db, phase, item)))


def attempt(db: sqlite3.Connection, id_: int) -> AttemptView:
    return _view(recorded_attempts.attempt(db, id_), BatchNames(db))


def _views(db: sqlite3.Connection, rows: Iterable[AttemptRow]) -> Iterator[AttemptView]:
    batches = BatchNames(db)
    return (_view(row, batches) for row in rows)


def _view(row: AttemptRow, batches: BatchNames) -> AttemptView:
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    values["duration_s"] = known_duration(row.fault, row.duration_s)
    return AttemptView(**values, batch=batches.of_attempt(row))


def known_duration(fault: str | None, duration_s: float | None) -> float | None:
    """None for a session whose supervisor was lost: nobody saw when it ended."""
    return None if fault == FaultKind.SUPERVISOR_LOST and not duration_s else duration_s


def made_by(db: sqlite3.Connection, of: AttemptView) -> list[str]:
    """`["20 seeds", "58 LEGOs"]`: what was accepted and what later phases make of it; empty where one item is one
    record and nothing is made of it."""
    found = recorded_attempts.yield_of(db, of.id)
    counts = list(found.made)
    if found.records != found.items:
        counts.insert(0, ("record", found.records))
    named = [(of.batch.noun, found.items), *counts] if counts else []
    return [counted(number, clean(noun)) for noun, number in named]


def verdicts(db: sqlite3.Connection, of: AttemptView) -> dict[str, ItemVerdict]:
    """Item -> what this attempt said of it; one for each item of its group, none while it runs.

    The entries of one settling stand together, right before its AttemptEnded; they are read backwards from there.
    """
    if of.ended_seq is None:
        return {}
    found: dict[str, ItemVerdict] = {}
    for event in _settling(db, of):
        match event:
            case e.ItemAccepted():
                found[event.item] = ItemVerdict("accepted")
            case e.ItemFailed():
                found[event.item] = ItemVerdict("failed", reasons_of_event(event))
            case e.ItemStruck():
                is_last = event.item in found
                found[event.item] = ItemVerdict("failed" if is_last else "struck", reasons_of_event(event))
            case e.ItemReturned():
                found.setdefault(event.item, ItemVerdict("returned", reasons_of_event(event)))
    return {item: found.get(item, ItemVerdict("again")) for item in of.batch.items}


def _settling(db: sqlite3.Connection, of: AttemptView) -> Iterator[e.Event]:
    """The events of the settling of one attempt, newest first."""
    assert of.ended_seq is not None
    for event in events_backwards(db, of.started_seq, of.ended_seq, ("ItemAdded", "PaceGiven", "GroupQueued")):
        if getattr(event, "attempt", None) != of.id or isinstance(event, e.AttemptStarted | e.AttemptEnded):
            return
        yield event
