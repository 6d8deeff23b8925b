"""Takes accepted records back on a person's word: which items that befalls, and whether it can be done now."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.base.reason import Reason
from harness.core.item_rounds import ReopenedKind
from harness.ledger.new_round import Cause, Returning, put_back
from harness.ledger.past_attempts import Acceptance, Descendant, acceptance, derived_from
from harness.ledger.store import Transaction


@dataclass(frozen=True, slots=True)
class Word:
    """Who takes back, why, and what the next prompt says about it."""

    who: str
    why: str
    reasons: tuple[Reason, ...] = ()
    kind: ReopenedKind = "reject"


def derived_from_all(db: sqlite3.Connection, taken: Iterable[Acceptance]) -> list[Descendant]:
    """What is removed along with these items, each once."""
    found = (made for each in taken for made in derived_from(db, each.batch.phase, each.item))
    return list(dict.fromkeys(found))


def is_busy(db: sqlite3.Connection, taken: Iterable[Acceptance]) -> bool:
    """Does a session work on what was made from these items?"""
    return any(made.state == "running" for made in derived_from_all(db, taken))


def withdraw(transaction: Transaction, taken: Sequence[Acceptance], word: Word) -> list[Acceptance]:
    """Record that these acceptances are taken back.

    An acceptance that does not stand any more, because another one took it along, is passed over; the others are
    returned. The caller has made sure that nothing made from them is running. `taken` is in phase and item order.
    """
    standing = [each for each in taken if acceptance(transaction.db, each.batch.phase, each.item) == each]
    removed = {(made.phase, made.item) for made in derived_from_all(transaction.db, standing)}
    gone = [each for each in standing if (each.batch.phase, each.item) not in removed]
    cause = Cause(word.who, word.kind, word.why, word.reasons)
    put_back(transaction, [Returning(each.batch, each.item, each) for each in gone], cause)
    return gone
