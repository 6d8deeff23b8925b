"""Gives planned items their rows of today, on a person's word: a new round, and nothing made before is judged again."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from harness.base.ids import ItemId
from harness.core.events import GroupQueued, ItemEdited, ItemReopened
from harness.core.types import Json
from harness.ledger import item_queries, run_queries
from harness.ledger.item_queries import ItemOfBatch
from harness.ledger.past_attempts import acceptance
from harness.ledger.store import Transaction
from harness.ledger.withdrawal import Word, made_from_all, withdraw

_FIRST = 1


@dataclass(frozen=True, slots=True)
class Row:
    """The row of a first-phase item as the source has it today; `sha` and `file` as in ItemAdded."""

    item: str
    data: dict[str, Json]
    sha: str
    file: str | None = None


def edit_rows(transaction: Transaction, rows: Sequence[Row], who: str, *, again: bool) -> set[int]:
    """Record the rows that differ for items that wait. `again`: failed items are reopened for theirs, and done ones are
    taken back with what was made of them; no session may be running then. Returns the phases that lost records."""
    db = transaction.db
    differing = [row for row in rows if _sha(db, row.item) not in (None, row.sha)]
    lost: set[int] = set()
    if again:
        failed = item_queries.failed_items(db, [ItemId(row.item) for row in differing])
        reopen(transaction, [each for each in failed if each.batch.phase == _FIRST], who)
        taken = [found for row in differing if (found := acceptance(db, _FIRST, row.item)) is not None]
        lost = {_FIRST, *(made.phase for made in made_from_all(db, taken))} if taken else set()
        withdraw(transaction, taken, Word(who, "its row was edited"))
    for row in differing:
        if is_waiting(db, row.item):
            transaction.record([_edited(row, who)])
    return lost


def reopen(transaction: Transaction, failed: Sequence[ItemOfBatch], who: str) -> None:
    """Failed items get a new round: strikes from 0, alone, at once."""
    for each in failed:
        batch, group = each.batch, run_queries.run_state(transaction.db).next_group
        queued = GroupQueued(group, batch.phase, batch.number, batch.part, (each.item,), 0, "reopened")
        transaction.record([ItemReopened(batch.phase, each.item, who), queued])


def is_waiting(db: sqlite3.Connection, item: str) -> bool:
    """Is it in the first phase neither running nor settled?"""
    row = db.execute("SELECT state FROM items WHERE phase = ? AND item = ?", (_FIRST, item)).fetchone()
    return row is not None and row[0] == "pending"


def _sha(db: sqlite3.Connection, item: str) -> str | None:
    row = db.execute("SELECT sha FROM items WHERE phase = ? AND item = ?", (_FIRST, item)).fetchone()
    return str(row[0]) if row is not None else None


def _edited(row: Row, who: str) -> ItemEdited:
    return ItemEdited(_FIRST, row.item, dict(row.data), row.sha, row.file, who)
