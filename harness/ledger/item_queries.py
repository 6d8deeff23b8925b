"""What is asked about items: their rows and records, which are open, which failed.

Where `INDEXED BY` is written, SQLite alone would take the primary key and walk the whole phase.
"""

import json
import sqlite3
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId, Sha
from harness.core.types import BatchRef, Item, Json
from harness.ledger.group_queries import ReadyGroup
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
    content = store.get(Sha(sha))[offset : offset + length]
    return tuple(json.loads(line) for line in content.splitlines())


def reasons_of(db: sqlite3.Connection, group: ReadyGroup) -> dict[ItemId, tuple[str, ...]]:
    """Why the last try of each item was rejected; items without reasons are left out."""
    reasons: dict[ItemId, tuple[str, ...]] = {}
    for item in group.items:
        (text,) = db.execute(
            "SELECT reasons FROM items WHERE phase = ? AND item = ?", (group.batch.phase, item)
        ).fetchone()
        if found := tuple(json.loads(text)):
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


def has_failed_items(db: sqlite3.Connection, roots: Container[str] | None = None) -> bool:
    """Anything that failed or cannot begin any more, of these first-phase items; None = of all."""
    failed = db.execute("SELECT root FROM items WHERE state IN ('failed', 'blocked')")
    return any(roots is None or root in roots for (root,) in failed)
