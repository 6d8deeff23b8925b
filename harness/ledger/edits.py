"""Gives planned items their rows of today, on a person's word: a new round, and nothing made before is judged again."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.item_rounds import SourceRow
from harness.core.types import BatchRef, Json
from harness.ledger.item_queries import ItemOfBatch
from harness.ledger.new_round import Cause, Returning, put_back
from harness.ledger.past_attempts import acceptance
from harness.ledger.store import Transaction
from harness.ledger.withdrawal import derived_from_all

_FIRST = 1


@dataclass(frozen=True, slots=True)
class EditedRow:
    """The row of a first-phase item as the source has it today; `sha` and `file` as in ItemAdded."""

    item: str
    data: dict[str, Json]
    sha: str
    file: str | None = None


def edit_rows(transaction: Transaction, rows: Sequence[EditedRow], who: str, *, again: bool) -> set[int]:
    """Record the rows that differ for items that wait. `again`: failed items are reopened for theirs, and done ones are
    taken back with what was made of them; no session may be running then. Returns the phases that lost records."""
    db = transaction.db
    states = ("pending", "failed", "done") if again else ("pending",)
    returning = [each for row in rows if (each := _returning(db, row, states)) is not None]
    taken = [each.taken for each in returning if each.taken is not None]
    lost = {_FIRST, *(made.phase for made in derived_from_all(db, taken))} if taken else set()
    put_back(transaction, returning, Cause(who, "edited", "its row was edited"))
    return lost


def reopen(transaction: Transaction, failed: Sequence[ItemOfBatch], who: str) -> None:
    """Failed items get a new round: strikes from 0, alone, at once."""
    put_back(transaction, [Returning(each.batch, each.item) for each in failed], Cause(who, "retry"))


def _returning(db: sqlite3.Connection, row: EditedRow, states: Sequence[str]) -> Returning | None:
    """The item as it is put back with this row; None when it has it already, or is in none of these states."""
    found = db.execute(
        "SELECT sha, state, number, part FROM items WHERE phase = ? AND item = ?", (_FIRST, row.item)
    ).fetchone()
    if found is None or found[0] == row.sha or found[1] not in states:
        return None
    batch = BatchRef(_FIRST, found[2], found[3] or 0)
    return Returning(batch, row.item, acceptance(db, _FIRST, row.item), SourceRow(dict(row.data), row.sha, row.file))
