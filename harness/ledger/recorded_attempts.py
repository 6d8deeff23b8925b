"""Attempts as the ledger has them: one row each, with its end, and what came of it."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.base.clock import from_text, from_text_or_none
from harness.core.messages import Message, message_from
from harness.ledger.shapes import inside


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt with its end; the fields of the end are None or empty while it runs. Money is in micro-dollars."""

    id: int
    phase: int
    phase_name: str
    number: int
    part: int
    items: tuple[str, ...]
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
    why: tuple[Message, ...]
    """Of the fault, or the session's last words."""
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
    notes: tuple[Message, ...]
    evidence: dict[str, Any]


_COLUMNS = """SELECT a.*, p.name AS phase_name, g.tries AS tries FROM attempts a
    JOIN phases p ON p.phase = a.phase JOIN groups g ON g.id = a.group_id"""


def all_attempts(db: sqlite3.Connection) -> Iterator[AttemptRow]:
    """Every attempt, in the order they started."""
    return _attempts(db, f"{_COLUMNS} ORDER BY a.id", ())


def attempts_of(db: sqlite3.Connection, phase: int, item: str) -> Iterator[AttemptRow]:
    """The attempts that one item of one phase was in, in order."""
    query = f"{_COLUMNS} JOIN attempt_items ai ON ai.attempt = a.id WHERE ai.phase = ? AND ai.item = ? ORDER BY a.id"
    return _attempts(db, query, (phase, item))


def open_attempts(db: sqlite3.Connection) -> Iterator[AttemptRow]:
    """Those without an end, in the order they started."""
    return _attempts(db, f"{_COLUMNS} WHERE a.ended_seq IS NULL ORDER BY a.id", ())


def attempt(db: sqlite3.Connection, id_: int) -> AttemptRow:
    """One attempt, which there is."""
    return next(_attempts(db, f"{_COLUMNS} WHERE a.id = ?", (id_,)))


def newest_attempt(db: sqlite3.Connection) -> AttemptRow | None:
    """The one that started last; None when none was started."""
    return next(_attempts(db, f"{_COLUMNS} ORDER BY a.id DESC LIMIT 1", ()), None)


def messages_in(column: str | None) -> tuple[Message, ...]:
    """What the columns `notes` and `why` hold: messages, and texts of older versions."""
    return tuple(map(message_from, json.loads(column or "[]")))


def _attempts(db: sqlite3.Connection, query: str, values: tuple[object, ...]) -> Iterator[AttemptRow]:
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    return map(_row, cursor.execute(query, values))


def _row(row: sqlite3.Row) -> AttemptRow:
    return AttemptRow(
        id=row["id"],
        phase=row["phase"],
        phase_name=row["phase_name"],
        number=row["number"],
        part=row["part"],
        items=tuple(json.loads(row["items"])),
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
        ended_at=from_text_or_none(row["ended_at"]),
        ended_seq=row["ended_seq"],
        outcome=row["outcome"],
        fault=row["fault"],
        blame=row["blame"],
        why=messages_in(row["why"]),
        duration_s=row["duration_s"],
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
        notes=messages_in(row["notes"]),
        evidence=json.loads(row["evidence"] or "{}"),
    )


_ACCEPTED_BY = """FROM attempts t, json_each(t.items) e
    JOIN accepted a ON a.phase = t.phase AND a.item = e.value AND a.attempt = t.id"""


@dataclass(frozen=True, slots=True)
class Yield:
    """What was accepted from an attempt; `made`: noun and number of the items that later phases make of it."""

    items: int
    records: int
    made: tuple[tuple[str, int], ...]


def yield_of(db: sqlite3.Connection, attempt_id: int) -> Yield:
    items, records = db.execute(
        f"SELECT count(*), coalesce(sum(a.records), 0) {_ACCEPTED_BY} WHERE t.id = ?", (attempt_id,)
    ).fetchone()
    made = db.execute(
        f"""SELECT p.noun, count(*) {_ACCEPTED_BY} JOIN items own ON own.phase = a.phase AND own.item = a.item
            JOIN phases p ON p.from_phase = a.phase AND p.makes_items
            JOIN items i INDEXED BY items_by_root ON i.root = own.root AND i.phase = p.phase AND i.parent = a.item
            WHERE t.id = ? GROUP BY p.phase ORDER BY p.phase""",
        (attempt_id,),
    )
    return Yield(items, records, tuple((str(noun), int(number)) for noun, number in made))
