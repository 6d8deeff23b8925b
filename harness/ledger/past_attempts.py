"""What a review asks the ledger: what was accepted from where, what came of it, what old attempts left."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.base.ids import AttemptId, ItemId, Sha
from harness.base.slices import Slice
from harness.core.types import Artifact, BatchRef
from harness.ledger.shapes import inside

_ACCEPTED = """SELECT a.phase, i.number, i.part, a.item, a.attempt, a.seq, a.sha, a.offset, a.length_bytes, a.records
    FROM accepted a JOIN items i ON i.phase = a.phase AND i.item = a.item"""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Why an item is done: the attempt, the entry, and where its records lie."""

    batch: BatchRef
    item: ItemId
    attempt: AttemptId
    seq: int
    slice: Slice
    records: int


@dataclass(frozen=True, slots=True)
class Descendant:
    """An item of a later phase that was made from another one."""

    phase: int
    item: ItemId
    parent: ItemId
    state: str


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """An item that failed, or waits for another try because its records were rejected or a check was broken."""

    batch: BatchRef
    item: ItemId


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt that has ended, and what it left in the store; `items` are those asked about."""

    attempt: AttemptId
    batch: BatchRef
    items: tuple[ItemId, ...]
    artifacts: tuple[Artifact, ...]
    started_seq: int
    folder: str
    """Below the state folder."""


def extensions(db: sqlite3.Connection) -> list[tuple[int, int]]:
    """`(items before, items added)` for each time that a person had new items planned. Looks through all entries."""
    rows = db.execute("SELECT body FROM entries WHERE kind = 'JobExtended' ORDER BY seq").fetchall()
    return [(told["behind"], told["items"]) for told in (json.loads(body) for (body,) in rows)]


def kept_source(db: sqlite3.Connection) -> str:
    """The digest of the items with which a person last said to go on; "" when never. Looks through all entries."""
    rows = db.execute("SELECT body FROM entries WHERE kind = 'FingerprintKept' ORDER BY seq DESC")
    return next((source for (body,) in rows if (source := str(json.loads(body).get("source", "")))), "")


def kept_rows(db: sqlite3.Connection) -> dict[str, str]:
    """The `rows` of the `FingerprintKept` in which a person last said to go on with other items. Looks through all."""
    rows = db.execute("SELECT body FROM entries WHERE kind = 'FingerprintKept' ORDER BY seq DESC")
    bodies = (json.loads(body) for (body,) in rows)
    return next((dict(body.get("rows", {})) for body in bodies if body.get("source")), {})


def kept_settings(db: sqlite3.Connection) -> tuple[str, ...]:
    """The `KEY=VALUE` that an instance was planned, or kept last, with. Looks through all entries."""
    row = db.execute(
        "SELECT body FROM entries WHERE kind IN ('JobPlanned', 'FingerprintKept') ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return tuple(map(str, json.loads(row[0]).get("settings", ()))) if row else ()


def accepted(db: sqlite3.Connection) -> Iterator[Acceptance]:
    """Every done item, in phase and item order."""
    for row in db.execute(f"{_ACCEPTED} ORDER BY i.phase, i.place"):
        yield _acceptance(row)


def acceptances(db: sqlite3.Connection, item: str) -> list[Acceptance]:
    """In which phases the item of this id is done, in order."""
    phases = [row[0] for row in db.execute("SELECT phase FROM phases ORDER BY phase")]
    return [found for phase in phases if (found := acceptance(db, phase, item)) is not None]


def acceptance(db: sqlite3.Connection, phase: int, item: str) -> Acceptance | None:
    row = db.execute(f"{_ACCEPTED} WHERE a.phase = ? AND a.item = ?", (phase, item)).fetchone()
    return _acceptance(row) if row else None


def _acceptance(row: Sequence[Any]) -> Acceptance:
    phase, number, part, item, attempt, seq, sha, offset, length_bytes, records = row
    place = Slice(Sha(sha), offset, length_bytes)
    return Acceptance(BatchRef(phase, number, part), ItemId(item), AttemptId(attempt), seq, place, records)


def derived_from(db: sqlite3.Connection, phase: int, item: str) -> list[Descendant]:
    """Everything that was made from an item through all later phases, parents before children.

    But not what is done of a batch plan, nor what was made from that: another plan of the same rows keeps it.
    """
    found: list[Descendant] = []
    todo = [(phase, item)]
    while todo:
        before, parent = todo.pop(0)
        rows = db.execute(
            """SELECT i.phase, i.item, i.parent, i.state FROM phases p JOIN items i INDEXED BY items_by_root
               ON i.phase = p.phase AND i.root = (SELECT root FROM items WHERE phase = ? AND item = ?)
               WHERE p.from_phase = ? AND i.parent = ? AND NOT (i.planned > 0 AND i.state = 'done')
               ORDER BY i.phase, i.place""",
            (before, parent, before, parent),
        ).fetchall()
        found += [Descendant(*row) for row in rows]
        todo += [(row[0], row[1]) for row in rows]
    return found


def rejected_items(db: sqlite3.Connection, wanted: Sequence[ItemId] | None) -> list[RejectedItem]:
    """In phase and item order; `wanted` names items or first-phase items, None means all."""
    rows = db.execute(
        """SELECT phase, number, part, item, root FROM items i
           WHERE state = 'failed' OR (state = 'pending' AND part IS NOT NULL AND (reasons != '[]' OR EXISTS (
               SELECT 1 FROM attempt_items ai JOIN attempts a ON a.id = ai.attempt
               WHERE ai.phase = i.phase AND ai.item = i.item AND a.fault = 'broken_check')))
           ORDER BY phase, place"""
    )
    return [
        RejectedItem(BatchRef(phase, number, part), ItemId(item))
        for phase, number, part, item, root in rows
        if wanted is None or item in wanted or root in wanted
    ]


def past_attempts(db: sqlite3.Connection, items: Iterable[RejectedItem]) -> list[PastAttempt]:
    """The ended attempts of these items that left something, batch by batch, the newest first.

    What an attempt left before its item was withdrawn, edited or made anew is not asked about: a person said so.
    """
    withdrawn = _withdrawn_at(db)
    members: dict[int, list[ItemId]] = {}
    for one in items:
        rows = db.execute(
            """SELECT a.id FROM attempt_items ai JOIN attempts a ON a.id = ai.attempt
               WHERE ai.phase = ? AND ai.item = ? AND a.ended_seq IS NOT NULL AND a.outputs != '[]'
               AND coalesce(a.fault, '') NOT IN ('unasked_model', 'wrong_model')
               AND a.started_seq > ?""",
            (one.batch.phase, one.item, withdrawn.get((one.batch.phase, one.item), 0)),
        )
        for (attempt,) in rows:
            members.setdefault(attempt, []).append(one.item)
    found = [past_attempt(db, attempt, tuple(asked)) for attempt, asked in members.items()]
    return sorted(found, key=lambda past: (past.batch.phase, past.batch.number, -past.attempt))


def past_attempt(db: sqlite3.Connection, attempt: int, items: tuple[ItemId, ...]) -> PastAttempt:
    """One ended attempt, asked about `items`."""
    phase, number, part, outputs, started, folder = db.execute(
        "SELECT phase, number, part, outputs, started_seq, folder FROM attempts WHERE id = ?", (attempt,)
    ).fetchone()
    artifacts = tuple(Artifact(name, Sha(sha), size) for name, sha, size in json.loads(outputs))
    return PastAttempt(AttemptId(attempt), BatchRef(phase, number, part), items, artifacts, started, inside(folder))


def _withdrawn_at(db: sqlite3.Connection) -> dict[tuple[int, str], int]:
    """The entry at which each item was withdrawn, removed or given another row last."""
    rows = db.execute(
        """SELECT json_extract(body, '$.phase'), json_extract(body, '$.item'), max(seq) FROM entries
           WHERE kind IN ('ItemWithdrawn', 'ItemRemoved', 'ItemEdited')
           OR (kind = 'ItemReopened' AND json_extract(body, '$.row') IS NOT NULL) GROUP BY 1, 2"""
    )
    return {(phase, item): seq for phase, item, seq in rows}
