"""Gives items a new round on a person's word: one cascade, and one way back into the queue, for every kind of it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from harness.base.reason import Reason
from harness.core.events import Event, GroupQueued, ItemRemoved, ItemReopened, ItemWithdrawn
from harness.core.item_rounds import ReopenedKind, SourceRow
from harness.core.types import BatchRef
from harness.ledger.past_attempts import Acceptance, Descendant, acceptance, derived_from
from harness.ledger.run_queries import run_state
from harness.ledger.store import Transaction


@dataclass(frozen=True, slots=True)
class Cause:
    """Who asks, what for, why, and what the next prompt says about it; `reasons` None = what it has said so far."""

    who: str
    kind: ReopenedKind
    why: str = ""
    reasons: tuple[Reason, ...] | None = None


@dataclass(frozen=True, slots=True)
class Returning:
    """An item that gets a new round. `taken`: it is done, by this; `row`: of today, when it differs."""

    batch: BatchRef
    item: str
    taken: Acceptance | None = None
    row: SourceRow | None = None


def put_back(transaction: Transaction, items: Sequence[Returning], cause: Cause) -> None:
    """Record that these items get a new round. What was made from a done one is removed, and its records withdrawn.

    Done items of one batch are queued together, failed ones each alone; those that wait stay in their group. Nothing
    made from them may be running. `items` are in phase and item order.
    """
    together: dict[BatchRef, list[str]] = {}
    for each in items:
        if each.taken is not None:
            transaction.record(_taken_back(transaction.db, each.taken, cause))
            together.setdefault(each.batch, []).append(each.item)
        has_failed = each.taken is None and _has_failed(transaction.db, each)
        reasons = () if each.row is not None else cause.reasons
        reopened = ItemReopened(each.batch.phase, each.item, cause.who, cause.kind, cause.why, reasons, each.row)
        transaction.record([reopened])
        if has_failed:
            _queue(transaction, each.batch, [each.item])
    for batch, members in together.items():
        _queue(transaction, batch, members)


def _queue(transaction: Transaction, batch: BatchRef, items: Sequence[str]) -> None:
    group = run_state(transaction.db).next_group
    transaction.record([GroupQueued(group, batch.phase, batch.number, batch.part, tuple(items), 0, "reopened")])


def _has_failed(db: sqlite3.Connection, each: Returning) -> bool:
    query = "SELECT state FROM items WHERE phase = ? AND item = ?"
    return bool(db.execute(query, (each.batch.phase, each.item)).fetchone()[0] == "failed")


def _taken_back(db: sqlite3.Connection, taken: Acceptance, cause: Cause) -> list[Event]:
    """What was made from the item goes first, the youngest before what it was made from."""
    events: list[Event] = []
    for made in reversed(derived_from(db, taken.batch.phase, taken.item)):
        events += _removed(db, made, taken, cause)
    return [*events, _withdrawn(taken, cause.who, cause.why, cause.reasons or ())]


def _removed(db: sqlite3.Connection, made: Descendant, of: Acceptance, cause: Cause) -> list[Event]:
    removed = ItemRemoved(made.phase, made.item, made.parent)
    if (own := acceptance(db, made.phase, made.item)) is None:
        return [removed]
    return [_withdrawn(own, cause.who, f"it was made from {of.item!r}, which was withdrawn: {cause.why}", ()), removed]


def _withdrawn(each: Acceptance, who: str, why: str, reasons: tuple[Reason, ...]) -> ItemWithdrawn:
    return ItemWithdrawn(
        attempt=each.attempt,
        phase=each.batch.phase,
        item=each.item,
        sha=each.slice.sha,
        offset=each.slice.offset,
        length_bytes=each.slice.length_bytes,
        records=each.records,
        who=who,
        why=why,
        rejections=reasons,
    )
