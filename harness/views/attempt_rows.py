"""Attempts as people see them: what they are called, how they ended, and what was said of each of their items."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from harness.base.clock import from_text
from harness.core import events as e
from harness.core.codec import decode
from harness.core.faults import SUPERVISOR_LOST
from harness.ledger.shapes import inside
from harness.views.ledger_reading import moment
from harness.views.wording import clean, counted, shorten_id

Said = Literal["accepted", "struck", "returned", "failed", "again"]
"""Of one item in one attempt: done; a strike; rejected without a strike; out of strikes; nothing was concluded."""


@dataclass(frozen=True, slots=True)
class BatchName:
    """What one group is called: `Batch 7/34 (20 seeds)`, `translate batch 7/34 (20 seeds)`."""

    phase: str | None
    """None when the job has one phase only."""
    label: str
    total: int
    """Batches of the first phase; parts of a batch share its number."""
    noun: str
    items: tuple[str, ...]

    def __str__(self) -> str:
        who = shorten_id(self.items[0], 40) if len(self.items) == 1 else counted(len(self.items), clean(self.noun))
        batch = f"{clean(self.phase)} batch" if self.phase else "Batch"
        return f"{batch} {self.label}/{self.total} ({who})"


class Batches:
    """Names batches; reads phases and totals once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._phases: dict[int, tuple[str, str]] = {
            phase: (name, noun) for phase, name, noun in db.execute("SELECT phase, name, noun FROM phases")
        }
        (self._total,) = db.execute("SELECT coalesce(max(number), 0) FROM batches WHERE phase = 1").fetchone()

    def name(self, phase: int, number: int, part: int, items: tuple[str, ...]) -> BatchName:
        name, noun = self._phases[phase]
        label = f"{number}.{part}" if part else str(number)
        return BatchName(name if len(self._phases) > 1 else None, label, self._total, noun, items)

    def of_attempt(self, attempt: int) -> BatchName:
        phase, number, part, items = self._db.execute(
            "SELECT phase, number, part, items FROM attempts WHERE id = ?", (attempt,)
        ).fetchone()
        return self.name(phase, number, part, tuple(json.loads(items)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt said of one item."""

    said: Said
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt with its end; the fields of the end are None or empty while it runs. Money is in micro-dollars."""

    id: int
    phase: int
    phase_name: str
    batch: BatchName
    tries: int
    run: int
    session_id: str | None
    backend: str
    model: str | None
    prompt_sha: str
    folder: str
    """Relative to the state folder."""
    fingerprint: dict[str, str]
    started_at: datetime
    started_seq: int
    ended_at: datetime | None
    ended_seq: int | None
    outcome: str | None
    fault: str | None
    blame: str | None
    detail: str
    duration_s: float | None
    reserved_microusd: int
    charged_microusd: int | None
    cost_known: bool
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    turns: int
    cli_version: str | None
    outputs: tuple[tuple[str, str, int], ...]
    """Name, hash and size in bytes of each frozen file."""
    invented: tuple[str, ...]
    notes: tuple[str, ...]
    evidence: dict[str, Any]


_COLUMNS = """SELECT a.*, p.name AS phase_name, g.tries AS tries FROM attempts a
    JOIN phases p ON p.phase = a.phase JOIN groups g ON g.id = a.group_id"""


def all_attempts(db: sqlite3.Connection) -> Iterator[AttemptView]:
    """Every attempt, in the order they started."""
    return _attempts(db, f"{_COLUMNS} ORDER BY a.id", ())


def attempts_of(db: sqlite3.Connection, phase: int, item: str) -> list[AttemptView]:
    """The attempts that one item of one phase was in, in order."""
    query = f"{_COLUMNS} JOIN attempt_items ai ON ai.attempt = a.id WHERE ai.phase = ? AND ai.item = ? ORDER BY a.id"
    return list(_attempts(db, query, (phase, item)))


def attempt(db: sqlite3.Connection, id_: int) -> AttemptView:
    return next(_attempts(db, f"{_COLUMNS} WHERE a.id = ?", (id_,)))


def _attempts(db: sqlite3.Connection, query: str, values: tuple[object, ...]) -> Iterator[AttemptView]:
    batches = Batches(db)
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    for row in cursor.execute(query, values):
        yield _view(row, batches)


def _view(row: sqlite3.Row, batches: Batches) -> AttemptView:
    items = tuple(json.loads(row["items"]))
    return AttemptView(
        id=row["id"],
        phase=row["phase"],
        phase_name=row["phase_name"],
        batch=batches.name(row["phase"], row["number"], row["part"], items),
        tries=row["tries"],
        run=row["run"],
        session_id=row["session_id"],
        backend=row["backend"],
        model=row["model"],
        prompt_sha=row["prompt_sha"],
        folder=inside(row["folder"]),
        fingerprint=json.loads(row["fingerprint"]),
        started_at=from_text(row["started_at"]),
        started_seq=row["started_seq"],
        ended_at=moment(row["ended_at"]),
        ended_seq=row["ended_seq"],
        outcome=row["outcome"],
        fault=row["fault"],
        blame=row["blame"],
        detail=row["detail"] or "",
        duration_s=known_duration(row["fault"], row["duration_s"]),
        reserved_microusd=row["reserved_microusd"],
        charged_microusd=row["charged_microusd"],
        cost_known=bool(row["cost_known"]),
        input_tokens=row["input_tokens"] or 0,
        output_tokens=row["output_tokens"] or 0,
        cache_read_tokens=row["cache_read_tokens"] or 0,
        cache_write_tokens=row["cache_write_tokens"] or 0,
        turns=row["turns"] or 0,
        cli_version=row["cli_version"],
        outputs=tuple((name, sha, size) for name, sha, size in json.loads(row["outputs"] or "[]")),
        invented=tuple(json.loads(row["invented"] or "[]")),
        notes=tuple(json.loads(row["notes"] or "[]")),
        evidence=json.loads(row["evidence"] or "{}"),
    )


def known_duration(fault: str | None, duration_s: float | None) -> float | None:
    """None for a session whose supervisor was lost: nobody saw when it ended."""
    return None if fault == SUPERVISOR_LOST and not duration_s else duration_s


_ACCEPTED_BY = """FROM attempts t, json_each(t.items) e
    JOIN accepted a ON a.phase = t.phase AND a.item = e.value AND a.attempt = t.id"""


def made_by(db: sqlite3.Connection, of: AttemptView) -> list[str]:
    """`["20 seeds", "58 LEGOs"]`: what was accepted and what later phases make of it; empty where one item is one
    record and nothing is made of it."""
    items, records = db.execute(
        f"SELECT count(*), coalesce(sum(a.records), 0) {_ACCEPTED_BY} WHERE t.id = ?",
        (of.id,),
    ).fetchone()
    made = db.execute(
        f"""SELECT p.noun, count(*) {_ACCEPTED_BY} JOIN items own ON own.phase = a.phase AND own.item = a.item
            JOIN phases p ON p.from_phase = a.phase AND p.makes_items
            JOIN items i INDEXED BY items_by_root ON i.root = own.root AND i.phase = p.phase AND i.parent = a.item
            WHERE t.id = ? GROUP BY p.phase ORDER BY p.phase""",
        (of.id,),
    ).fetchall()
    counts = [(str(noun), int(number)) for noun, number in made]
    if records != items:
        counts.insert(0, ("record", records))
    return [counted(number, clean(noun)) for noun, number in [(of.batch.noun, items), *counts]] if counts else []


def verdicts(db: sqlite3.Connection, of: AttemptView) -> dict[str, Verdict]:
    """Item -> what this attempt said of it; one for each item of its group, none while it runs.

    The entries of one settling stand together, right before its AttemptEnded; they are read backwards from there.
    """
    if of.ended_seq is None:
        return {}
    found: dict[str, Verdict] = {}
    for event in _settling(db, of):
        match event:
            case e.ItemAccepted():
                found[event.item] = Verdict("accepted")
            case e.ItemFailed():
                found[event.item] = Verdict("failed", (event.reason,))
            case e.ItemStruck():
                is_last = event.item in found
                found[event.item] = Verdict("failed" if is_last else "struck", event.reasons)
            case e.ItemReturned():
                found.setdefault(event.item, Verdict("returned", event.reasons))
    return {item: found.get(item, Verdict("again")) for item in of.batch.items}


def _settling(db: sqlite3.Connection, of: AttemptView) -> Iterator[e.Event]:
    """The events of the settling of one attempt, newest first."""
    rows = db.execute(
        "SELECT kind, body FROM entries WHERE seq < ? AND seq > ? ORDER BY seq DESC", (of.ended_seq, of.started_seq)
    )
    for kind, body in rows:
        if kind in ("ItemAdded", "PaceGiven", "GroupQueued"):
            continue
        event = decode(kind, body)
        if getattr(event, "attempt", None) != of.id or isinstance(event, e.AttemptStarted | e.AttemptEnded):
            return
        yield event
