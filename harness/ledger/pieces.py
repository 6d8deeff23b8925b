"""Accepted records as pieces of fragments: for a check's context, and for the merge."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.base.ids import ItemId, Sha
from harness.base.slices import ItemSlice, Slice
from harness.ledger.group_queries import ReadyGroup


def context_pieces(db: sqlite3.Connection, group: ReadyGroup, before_seq: int) -> dict[str, list[ItemSlice]]:
    """Phase name -> accepted records of exactly the batches that were waited for, in item order.

    A serial phase sees its own batch too, as far as it was accepted in earlier attempts. `before_seq`: only what was
    accepted before that entry, so that a verdict never depends on what runs beside it.
    """
    from_phase, needs, name, from_name = db.execute(
        """SELECT p.from_phase, p.needs, p.name, f.name FROM phases p LEFT JOIN phases f ON f.phase = p.from_phase
           WHERE p.phase = ?""",
        (group.batch.phase,),
    ).fetchone()
    number = group.batch.number
    pieces: dict[str, list[ItemSlice]] = {}
    if from_phase:
        first = number if needs == "own" else 1
        pieces[from_name] = _pieces_between(db, from_phase, first, number, before_seq)
    if needs == "previous":
        pieces[name] = _pieces_between(db, group.batch.phase, 1, number, before_seq)
    return pieces


def _pieces_between(db: sqlite3.Connection, phase: int, first: int, last: int, before_seq: int) -> list[ItemSlice]:
    rows = db.execute(
        """SELECT a.item, a.sha, a.offset, a.length_bytes FROM items i
           JOIN accepted a ON a.phase = i.phase AND a.item = i.item
           WHERE i.phase = ? AND i.number BETWEEN ? AND ? AND a.seq < ? ORDER BY i.place""",
        (phase, first, last, before_seq),
    )
    return [_item_slice(row) for row in rows]


def _item_slice(row: Sequence[Any]) -> ItemSlice:
    item, sha, offset, length_bytes = row
    return ItemSlice(ItemId(item), Slice(Sha(sha), offset, length_bytes))


def merge_pieces(db: sqlite3.Connection, phase: int) -> Iterator[ItemSlice]:
    """Every accepted item of a phase in item order: what the merge is a function of."""
    for row in db.execute(
        """SELECT i.item, a.sha, a.offset, a.length_bytes FROM items i
           JOIN accepted a ON a.phase = i.phase AND a.item = i.item WHERE i.phase = ? ORDER BY i.place""",
        (phase,),
    ):
        yield _item_slice(row)


@dataclass(frozen=True, slots=True)
class LastMerge:
    """The newest committed merge of a phase. `reflects`: the newest acceptance that it surely holds."""

    target: str
    sha: Sha
    reflects: int
    records: int


def last_merge(db: sqlite3.Connection, phase: int) -> LastMerge | None:
    row = db.execute(
        "SELECT target, sha, reflects, records FROM merges WHERE phase = ? ORDER BY seq DESC LIMIT 1", (phase,)
    ).fetchone()
    return LastMerge(row[0], Sha(row[1]), row[2], row[3]) if row else None


def knows_merge(db: sqlite3.Connection, phase: int, sha: Sha) -> bool:
    """Was a file of this hash ever merged here?"""
    return db.execute("SELECT 1 FROM merges WHERE phase = ? AND sha = ?", (phase, sha)).fetchone() is not None


@dataclass(frozen=True, slots=True)
class AcceptedSum:
    """The entry of the newest acceptance of a phase that stands, 0 when there is none, and how many records there are.

    Two sums are equal only for equal sets: what is accepted later has a later entry, what is withdrawn is missing.
    """

    newest: int
    records: int


def accepted_sum(db: sqlite3.Connection, phase: int) -> AcceptedSum:
    query = "SELECT coalesce(max(seq), 0), coalesce(sum(records), 0) FROM accepted WHERE phase = ?"
    return AcceptedSum(*db.execute(query, (phase,)).fetchone())


@dataclass(frozen=True, slots=True)
class PhaseMerge:
    """The newest merge of a phase."""

    phase: str
    target: str
    records: int
    sha: str


def newest_merges(db: sqlite3.Connection) -> list[PhaseMerge]:
    """Of each phase that has merged, in order."""
    rows = db.execute(
        """SELECT p.name, m.target, m.records, m.sha FROM merges m JOIN phases p ON p.phase = m.phase
           WHERE m.seq = (SELECT max(seq) FROM merges WHERE phase = m.phase) ORDER BY m.phase"""
    )
    return [PhaseMerge(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class SetAside:
    """A merged file that somebody had changed, and the name under which that is kept."""

    target: str
    name: str


def set_aside(db: sqlite3.Connection) -> list[SetAside]:
    """In the order of the merges."""
    rows = db.execute(
        """SELECT m.target, json_extract(e.body, '$.set_aside') FROM merges m JOIN entries e USING (seq)
           WHERE coalesce(json_extract(e.body, '$.set_aside'), '') != '' ORDER BY seq"""
    )
    return [SetAside(*row) for row in rows]
