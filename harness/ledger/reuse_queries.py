"""What another ledger of the same manifest has to give, and what this one could take over."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.base.artifacts import ArtifactStore
from harness.base.clock import from_text
from harness.base.ids import AttemptId, ItemId, Sha
from harness.base.job_home import is_attempt_folder
from harness.core.types import Artifact, BatchRef, Json
from harness.ledger.attempt_queries import ModelOrigin
from harness.ledger.item_queries import records_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """An item that waits, was never tried, and was never taken back from anybody."""

    batch: BatchRef
    item: ItemId
    parent: str | None
    root: str
    data: str
    sha: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What an attempt there has made of an item, and when it was accepted. `folder` is relative to that state."""

    item: ItemId
    attempt: AttemptId
    folder: str
    artifacts: tuple[Artifact, ...]
    made_at: datetime
    model: str


def fresh_items(db: sqlite3.Connection, phase: int) -> list[Wanted]:
    """In item order. Redone, rejected, edited and retried items are none: a person wants them made."""
    rows = db.execute(
        """SELECT number, part, item, parent, root, data, sha FROM items
           WHERE phase = ? AND state = 'pending' AND part IS NOT NULL AND round = 1 AND attempts = 0 AND strikes = 0
           AND reasons = '[]' ORDER BY place""",
        (phase,),
    )
    return [Wanted(BatchRef(phase, number, part), ItemId(item), *rest) for number, part, item, *rest in rows]


def phase_called(db: sqlite3.Connection, name: str) -> int | None:
    """The number of the phase of this name there; None when there is none."""
    row = db.execute("SELECT phase FROM phases WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else None


def offer_for(db: sqlite3.Connection, phase: int, wanted: Wanted) -> Offer | None:
    """What stands there for an item of this id and row, made there and not taken over in its turn."""
    row = db.execute(
        """SELECT a.attempt, a.seq, t.folder, t.outputs, coalesce(t.model, ''), e.time FROM items i
           JOIN accepted a ON a.phase = i.phase AND a.item = i.item JOIN attempts t ON t.id = a.attempt
           JOIN entries e ON e.seq = a.seq
           WHERE i.phase = ? AND i.item = ? AND i.sha = ? AND i.data = ? AND i.state = 'done'
           AND t.ended_seq IS NOT NULL""",
        (phase, wanted.item, wanted.sha, wanted.data),
    ).fetchone()
    if row is None or not is_attempt_folder(row[2]):
        return None
    attempt, _, folder, outputs, model, time = row
    artifacts = tuple(Artifact(name, Sha(sha), size) for name, sha, size in json.loads(outputs))
    return Offer(wanted.item, AttemptId(attempt), folder, artifacts, from_text(time), model)


def input_of(db: sqlite3.Connection, store: ArtifactStore, phase: int, wanted: Wanted) -> Sequence[Json] | None:
    """The records that the item of a later phase works on; empty in the first phase. None when they are not there."""
    row = db.execute("SELECT from_phase FROM phases WHERE phase = ?", (phase,)).fetchone()
    if row is None or wanted.parent is None:
        return ()
    return records_of(db, int(row[0]), wanted.parent, store) or None


@dataclass(frozen=True, slots=True)
class Reused:
    """Done items that were taken over: how many, and the oldest of them."""

    items: int
    oldest: datetime
    sources: tuple[tuple[str, int], ...]
    """State folder -> how many."""


def reused(db: sqlite3.Connection) -> Reused | None:
    """What of it stands; None when there is nothing."""
    told = [json.loads(body) for body in _bodies(db)]
    if not told:
        return None
    sources: dict[str, int] = {}
    for each in told:
        sources[each["source"]] = sources.get(each["source"], 0) + 1
    return Reused(len(told), min(from_text(each["made_at"]) for each in told), tuple(sorted(sources.items())))


def _bodies(db: sqlite3.Connection) -> Iterator[str]:
    for (body,) in db.execute("SELECT e.body FROM accepted a JOIN entries e ON e.seq = a.seq WHERE a.attempt = 0"):
        yield str(body)


def origin_of_reused(db: sqlite3.Connection, seq: int) -> ModelOrigin:
    """Of what was taken over with this entry: it was asked what the job asked for when it took it."""
    (model,) = db.execute("SELECT json_extract(body, '$.model') FROM entries WHERE seq = ?", (seq,)).fetchone()
    (asked,) = db.execute(
        """SELECT json_extract(body, '$.fingerprint') FROM entries
           WHERE kind IN ('JobPlanned', 'FingerprintKept') AND seq < ? ORDER BY seq DESC LIMIT 1""",
        (seq,),
    ).fetchone()
    return ModelOrigin(model or None, str(asked))


@dataclass(frozen=True, slots=True)
class TakenOver:
    """Items of one phase that were taken over from one other job, and when the last of them was."""

    source: str
    noun: str
    items: int
    last_at: datetime


def taken_over(db: sqlite3.Connection, after: int) -> list[TakenOver]:
    """In entries with a greater `seq`, in the order of the last ones."""
    rows = db.execute(
        """SELECT json_extract(body, '$.source') AS source, p.noun, count(*), max(e.time)
           FROM entries e JOIN phases p ON p.phase = json_extract(body, '$.phase')
           WHERE e.seq > ? AND e.kind = 'ItemAccepted' AND source != '' GROUP BY source, p.phase ORDER BY max(e.seq)""",
        (after,),
    )
    return [TakenOver(source, noun, items, from_text(at)) for source, noun, items, at in rows]
