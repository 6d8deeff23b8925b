"""Takes accepted records back on a person's word: the item gets a new round, what was made from it is removed."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.base.reason import Reason
from harness.core.events import Event, GroupQueued, ItemRemoved, ItemWithdrawn
from harness.core.types import BatchRef
from harness.ledger import run_queries
from harness.ledger.past_attempts import Acceptance, Descendant, acceptance, made_from
from harness.ledger.store import Transaction


@dataclass(frozen=True, slots=True)
class Word:
    """Who takes back, why, and what the next prompt says about it."""

    who: str
    why: str
    reasons: tuple[Reason, ...] = ()


def made_from_all(db: sqlite3.Connection, taken: Iterable[Acceptance]) -> list[Descendant]:
    """What is removed along with these items, each once."""
    found = (made for each in taken for made in made_from(db, each.batch.phase, each.item))
    return list(dict.fromkeys(found))


def is_busy(db: sqlite3.Connection, taken: Iterable[Acceptance]) -> bool:
    """Does a session work on what was made from these items?"""
    return any(made.state == "running" for made in made_from_all(db, taken))


def withdraw(transaction: Transaction, taken: Sequence[Acceptance], word: Word) -> list[Acceptance]:
    """Record that these acceptances are taken back; those of one batch are queued again as one group.

    An acceptance that does not stand any more is passed over; the others are returned. The caller has made sure that
    nothing made from them is running. `taken` is in phase and item order.
    """
    gone: list[Acceptance] = []
    for each in taken:
        if acceptance(transaction.db, each.batch.phase, each.item) == each:
            for made in reversed(made_from(transaction.db, each.batch.phase, each.item)):
                transaction.record(_removed(transaction.db, made, each, word))
            transaction.record([_withdrawn(each, word)])
            gone.append(each)
    batches: dict[BatchRef, list[str]] = {}
    for each in gone:
        batches.setdefault(each.batch, []).append(each.item)
    for ref, items in batches.items():
        group = run_queries.run_state(transaction.db).next_group
        transaction.record([GroupQueued(group, ref.phase, ref.number, ref.part, tuple(items), 0, "reopened")])
    return gone


def _removed(db: sqlite3.Connection, made: Descendant, of: Acceptance, word: Word) -> list[Event]:
    removed = ItemRemoved(made.phase, made.item, made.parent)
    if (own := acceptance(db, made.phase, made.item)) is None:
        return [removed]
    return [_withdrawn(own, Word(word.who, f"it was made from {of.item!r}, which was withdrawn: {word.why}")), removed]


def _withdrawn(each: Acceptance, word: Word) -> ItemWithdrawn:
    return ItemWithdrawn(
        attempt=each.attempt,
        phase=each.batch.phase,
        item=each.item,
        sha=each.sha,
        offset=each.offset,
        length_bytes=each.length_bytes,
        records=each.records,
        who=word.who,
        why=word.why,
        rejections=word.reasons,
    )
