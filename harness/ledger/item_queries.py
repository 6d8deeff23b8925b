"""What is asked about items: their rows and records, which are open, which failed.

Where `INDEXED BY` is written, SQLite alone would take the primary key and walk the whole phase.
"""

import json
import sqlite3
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId, Sha
from harness.base.reason import Reason
from harness.base.slices import Fragments, Slice
from harness.core.types import BatchRef, Item, Json
from harness.ledger.group_queries import ReadyGroup
from harness.ledger.item_reasons import reasons_of_row
from harness.ledger.shapes import inside


def items_of(db: sqlite3.Connection, group: ReadyGroup, store: ArtifactStore, folder: Path) -> tuple[Item, ...]:
    """The items of a group in item order, with the records of the phase before."""
    return tuple(_item(db, group.batch.phase, item, store, folder) for item in group.items)


def _item(db: sqlite3.Connection, phase: int, item: ItemId, store: ArtifactStore, folder: Path) -> Item:
    from_phase, parent = db.execute(
        "SELECT p.from_phase, i.parent FROM items i JOIN phases p ON p.phase = i.phase"
        " WHERE i.phase = ? AND i.item = ?",
        (phase, item),
    ).fetchone()
    row, file, sha = _row(db, phase, item)
    records = records_of(db, from_phase, parent, store) if parent is not None else ()
    return Item(item, row, folder / inside(file) if file else None, records, sha)


def _row(db: sqlite3.Connection, phase: int, item: str) -> tuple[dict[str, Json], str | None, str]:
    """The item's row, its file and its hash: its own, or where the phase keeps its items, those of the phase before."""
    text, file, sha, parent, makes_items, from_phase = db.execute(
        """SELECT i.data, i.file, i.sha, i.parent, p.makes_items, p.from_phase
           FROM items i JOIN phases p ON p.phase = i.phase WHERE i.phase = ? AND i.item = ?""",
        (phase, item),
    ).fetchone()
    if parent is None or makes_items:
        return json.loads(text), file, sha
    return _row(db, from_phase, parent)


def records_of(db: sqlite3.Connection, phase: int, item: str, store: ArtifactStore) -> tuple[Json, ...]:
    """The accepted records of an item; none when it has none."""
    row = db.execute(
        "SELECT sha, offset, length_bytes FROM accepted WHERE phase = ? AND item = ?", (phase, item)
    ).fetchone()
    if row is None:
        return ()
    sha, offset, length = row
    with Fragments(store) as fragments:
        return tuple(fragments.records(Slice(Sha(sha), offset, length)))


def reasons_of(db: sqlite3.Connection, group: ReadyGroup) -> dict[ItemId, tuple[Reason, ...]]:
    """Why the last attempt at each item was rejected; items without reasons are left out."""
    reasons: dict[ItemId, tuple[Reason, ...]] = {}
    for item in group.items:
        row = db.execute(
            "SELECT reasons, errors FROM items WHERE phase = ? AND item = ?", (group.batch.phase, item)
        ).fetchone()
        if found := reasons_of_row(*row):
            reasons[item] = found
    return reasons


@dataclass(frozen=True, slots=True)
class ItemOfBatch:
    """An item, and the batch it belongs to."""

    item: ItemId
    batch: BatchRef


def failed_items(db: sqlite3.Connection, wanted: Sequence[ItemId] | None) -> list[ItemOfBatch]:
    """Failed items in phase and item order; `wanted` names items or first-phase items, None means all."""
    rows = db.execute(
        "SELECT phase, item, number, part, root FROM items WHERE state = 'failed' ORDER BY phase, place"
    ).fetchall()
    return [
        ItemOfBatch(ItemId(item), BatchRef(phase, number, part))
        for phase, item, number, part, root in rows
        if wanted is None or item in wanted or root in wanted
    ]


def newest_accepted(db: sqlite3.Connection, phase: int) -> ItemOfBatch | None:
    """The item of a phase that was accepted last."""
    row = db.execute(
        """SELECT a.item, i.number, i.part FROM accepted a JOIN items i ON i.phase = a.phase AND i.item = a.item
           WHERE a.phase = ? ORDER BY a.seq DESC LIMIT 1""",
        (phase,),
    ).fetchone()
    return ItemOfBatch(ItemId(row[0]), BatchRef(phase, row[1], row[2] or 0)) if row else None


def first_phase_items(db: sqlite3.Connection) -> list[str]:
    """Every first-phase item, in item order."""
    return [row[0] for row in db.execute("SELECT item FROM items WHERE phase = 1 ORDER BY place")]


def selected_items(db: sqlite3.Connection) -> list[str]:
    """Every first-phase item that was not left out on purpose, in item order."""
    return [
        row[0] for row in db.execute("SELECT item FROM items WHERE phase = 1 AND state != 'skipped' ORDER BY place")
    ]


def members(db: sqlite3.Connection, batches: Sequence[int]) -> set[str]:
    """The first-phase items of these batches."""
    query = "SELECT item FROM items WHERE phase = 1 AND number = ?"
    return {row[0] for number in batches for row in db.execute(query, (number,))}


def done_and_settled(db: sqlite3.Connection) -> tuple[int, int]:
    """Items that are done, and items that are done or failed, over all phases."""
    done, settled = db.execute(
        "SELECT sum(state = 'done'), count(*) FROM items WHERE state IN ('done', 'failed')"
    ).fetchone()
    return int(done or 0), int(settled)


def has_open_items(db: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM items WHERE state IN ('pending', 'running') LIMIT 1"
    return db.execute(query).fetchone() is not None


def open_roots(db: sqlite3.Connection) -> int:
    """First-phase items that something is still to be done for, as far as they are known."""
    query = "SELECT count(DISTINCT root) FROM items WHERE state IN ('pending', 'running')"
    return int(db.execute(query).fetchone()[0])


def roots_on_the_way(db: sqlite3.Connection) -> set[str]:
    """First-phase items that something is left to be done for, also where their batch must be settled first."""
    rows = db.execute(
        """SELECT root FROM items WHERE state IN ('pending', 'running')
           UNION SELECT done.root FROM items done
             JOIN phases later ON later.from_phase = done.phase
             JOIN items other ON other.phase = done.phase AND other.number = done.number
               AND other.state IN ('pending', 'running')
             WHERE done.state = 'done'"""
    )
    return {root for (root,) in rows}


def failed_roots(db: sqlite3.Connection, roots: Container[str] | None = None) -> int:
    """How many of these first-phase items failed, or anything made of them; None = of all."""
    failed = db.execute("SELECT DISTINCT root FROM items WHERE state IN ('failed', 'blocked')")
    return sum(roots is None or root in roots for (root,) in failed)


def known_ids(db: sqlite3.Connection) -> list[str]:
    """Every id that an item of any phase has."""
    return [row[0] for row in db.execute("SELECT DISTINCT item FROM items")]


@dataclass(frozen=True, slots=True)
class ItemState:
    """Where an item stands in one phase."""

    phase: str
    state: str


def states_of(db: sqlite3.Connection, item: str) -> list[ItemState]:
    """Of the items of this id, in the order of the phases."""
    rows = db.execute(
        """SELECT p.name, i.state FROM items i JOIN phases p ON p.phase = i.phase WHERE i.item = ?
           ORDER BY i.phase""",
        (item,),
    )
    return [ItemState(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A first-phase item as it was planned; `sha` is the hash of its row and its file."""

    item: str
    sha: str
    state: str


def planned_rows(db: sqlite3.Connection) -> list[PlannedRow]:
    """Every first-phase item, in item order."""
    return [PlannedRow(*row) for row in db.execute("SELECT item, sha, state FROM items WHERE phase = 1 ORDER BY place")]


def planned_data(db: sqlite3.Connection, item: str) -> tuple[PlannedRow, dict[str, Json]] | None:
    """A first-phase item and its row; None when none of this id was planned."""
    row = db.execute("SELECT item, sha, state, data FROM items WHERE phase = 1 AND item = ?", (item,)).fetchone()
    return (PlannedRow(*row[:3]), json.loads(row[3])) if row else None


@dataclass(frozen=True, slots=True)
class Relative:
    """An item, and the item of an earlier phase that it was made from; None in the first phase."""

    phase: int
    item: str
    parent: str | None
    from_phase: int


def relatives(db: sqlite3.Connection, item: str) -> list[Relative]:
    """All items that share a first-phase item with this one, in phase and item order."""
    rows = db.execute(
        """SELECT i.phase, i.item, i.parent, p.from_phase FROM items i JOIN phases p ON p.phase = i.phase
           WHERE i.root IN (SELECT root FROM items WHERE item = ?) ORDER BY i.phase, i.place""",
        (item,),
    )
    return [Relative(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item of one phase. `batch` is `7`, or `7.2` for a part; `attempt` and `sha` are those of its acceptance;
    `left_out` is why it was not selected, and the facts of it."""

    phase: str
    noun: str
    item: str
    parent: str | None
    batch: str
    state: str
    strikes: int
    round: int
    attempts: int
    settled_at: str | None
    records: int | None
    attempt: int | None
    sha: str | None
    reasons: tuple[Reason, ...]
    left_out: dict[str, Json] | None


_ITEM_ROWS = """SELECT p.name, p.noun, i.item, i.parent,
    i.number || CASE WHEN i.part > 0 THEN '.' || i.part ELSE '' END, i.state, i.strikes, i.round, i.attempts,
    i.settled_at, a.records, a.attempt, a.sha, i.reasons, i.errors, i.left_out
    FROM items i JOIN phases p ON p.phase = i.phase
    LEFT JOIN accepted a ON a.phase = i.phase AND a.item = i.item"""


def item_rows(db: sqlite3.Connection) -> Iterator[ItemRow]:
    """Every item, in phase and item order."""
    return map(_item_row, db.execute(f"{_ITEM_ROWS} ORDER BY i.phase, i.place"))


def item_row(db: sqlite3.Connection, phase: int, item: str) -> ItemRow:
    """One item, which there is."""
    return _item_row(db.execute(f"{_ITEM_ROWS} WHERE i.phase = ? AND i.item = ?", (phase, item)).fetchone())


def _item_row(row: tuple[Any, ...]) -> ItemRow:
    *values, reasons, errors, left_out = row
    facts = json.loads(left_out) if left_out else None
    values += [reasons_of_row(reasons, errors), facts]
    return ItemRow(*values)


@dataclass(frozen=True, slots=True)
class NamedItem:
    """An item with the name of its phase, and why it is where it is."""

    phase: str
    item: str
    reasons: tuple[Reason, ...] = ()


def out_of_order(db: sqlite3.Connection) -> list[NamedItem]:
    """Items that went on beside the plan: reopened by a person, or made from one that came late."""
    rows = db.execute(
        """SELECT p.name, i.item FROM items i JOIN phases p ON p.phase = i.phase
           LEFT JOIN batches b ON b.phase = i.phase AND b.number = i.number AND b.part = i.part
           WHERE b.late = 1 OR i.round > 1 ORDER BY i.phase, i.place"""
    )
    return [NamedItem(*row) for row in rows]


def blocked_items(db: sqlite3.Connection) -> list[NamedItem]:
    """Items whose predecessor failed."""
    rows = db.execute(
        """SELECT p.name, i.item, i.reasons, i.errors FROM items i JOIN phases p ON p.phase = i.phase
           WHERE i.state = 'blocked' ORDER BY i.phase, i.place"""
    )
    return [NamedItem(phase, item, reasons_of_row(reasons, errors)) for phase, item, reasons, errors in rows]


def reasons_of_struck(db: sqlite3.Connection, phase: int) -> list[tuple[Reason, ...]]:
    """Why each struck item that is not done was rejected, where checks saw its last attempt."""
    rows = db.execute(
        """SELECT reasons, errors FROM items i WHERE phase = ? AND strikes > 0 AND state != 'done' AND (
           SELECT a.fault FROM attempt_items t JOIN attempts a ON a.id = t.attempt
           WHERE t.phase = i.phase AND t.item = i.item ORDER BY a.id DESC LIMIT 1) IS NULL""",
        (phase,),
    )
    return [reasons_of_row(*row) for row in rows]
