"""What is asked about attempts: those without an end, how the last ones ended, when they started.

Each question costs the same at item 1 and at item 100,000.
"""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from harness.base.clock import from_text
from harness.base.ids import AttemptId, Token
from harness.core.advance import EndedAttempt, Tail
from harness.core.messages import Message
from harness.ledger.group_queries import ReadyGroup, ready_group
from harness.ledger.recorded_attempts import messages_in
from harness.ledger.shapes import inside


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An attempt without its end; after a crash it is settled from its folder."""

    attempt: AttemptId
    token: Token
    group: ReadyGroup
    session_id: str
    folder: str
    started_seq: int


def last_starts(db: sqlite3.Connection, number: int, phase: int | None = None) -> list[datetime]:
    """When the last attempts started, oldest first; of one phase, or of all."""
    query = "SELECT started_at FROM attempts WHERE ? IS NULL OR phase = ? ORDER BY id DESC LIMIT ?"
    return [from_text(row[0]) for row in reversed(db.execute(query, (phase, phase, number)).fetchall())]


def unsettled(db: sqlite3.Connection) -> list[Unsettled]:
    """Attempts that started and did not end, oldest first."""
    rows = db.execute(
        """SELECT a.id, a.token, a.session_id, a.folder, a.started_seq,
                  g.id, g.phase, g.number, g.part, a.items, g.tries, g.late
           FROM attempts a JOIN groups g ON g.id = a.group_id WHERE a.ended_seq IS NULL ORDER BY a.id"""
    ).fetchall()
    return [
        Unsettled(AttemptId(row[0]), Token(row[1]), ready_group(row[5:]), row[2], inside(row[3]), row[4])
        for row in rows
    ]


def tail(db: sqlite3.Connection) -> Tail:
    """The last ten strike-worthy attempts of this run, newest first."""
    rows = db.execute(
        """SELECT outcome, items, CASE WHEN fault = 'denied' THEN evidence ->> '$.denials' END FROM attempts
           WHERE run = (SELECT run FROM job) AND outcome IN ('succeeded', 'partial', 'failed')
           ORDER BY ended_seq DESC LIMIT 10"""
    ).fetchall()
    denials = [", ".join(json.loads(row[2] or "[]")) for row in rows]
    return Tail([row[0] for row in rows], [row[1] for row in rows], denials)


def newest_ended(db: sqlite3.Connection) -> list[EndedAttempt]:
    """The ended ones among the last 300 attempts, if they are of this run; newest end first."""
    rows = db.execute(
        """SELECT started_seq, ended_seq, outcome = 'no_strike' AND blame = 'host', fault, why
           FROM attempts
           WHERE id > (SELECT next_attempt FROM job) - 300 AND run = (SELECT run FROM job) AND ended_seq IS NOT NULL
           ORDER BY ended_seq DESC"""
    ).fetchall()
    return [
        EndedAttempt(started, ended, bool(is_breakdown), fault, why or "[]")
        for started, ended, is_breakdown, fault, why in rows
    ]


def number_of_open(db: sqlite3.Connection) -> int:
    """How many attempts have no end yet."""
    return int(db.execute("SELECT count(*) FROM attempts WHERE ended_seq IS NULL").fetchone()[0])


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """Which model made something, and what the job asked for then (a fingerprint, as JSON)."""

    model: str | None
    fingerprint: str


def origins(db: sqlite3.Connection) -> dict[int, ModelOrigin]:
    """Of each attempt."""
    rows = db.execute("SELECT id, model, fingerprint FROM attempts")
    return {attempt: ModelOrigin(model, asked) for attempt, model, asked in rows}


@dataclass(frozen=True, slots=True)
class AcceptedUnder:
    """How many items were accepted under one fingerprint, first used by attempt `first`."""

    first: int
    items: int


def fingerprints_of_accepted(db: sqlite3.Connection) -> list[AcceptedUnder]:
    """Which attempts, by fingerprint, the accepted items came from; more than one means the job has changed."""
    rows = db.execute(
        """SELECT min(t.id), count(*) FROM accepted a JOIN attempts t ON t.id = a.attempt
           GROUP BY t.fingerprint ORDER BY 1"""
    )
    return [AcceptedUnder(first, items) for first, items in rows]


@dataclass(frozen=True, slots=True)
class Noted:
    """Oddities of an attempt that did no harm, and ids in its output that nobody asked for."""

    attempt: int
    notes: tuple[Message, ...]
    invented: tuple[str, ...]


def noted(db: sqlite3.Connection) -> list[Noted]:
    """The attempts with notes or invented ids, in the order they started."""
    rows = db.execute(
        "SELECT id, notes, invented FROM attempts WHERE notes NOT IN ('[]') OR invented NOT IN ('[]') ORDER BY id"
    )
    return [
        Noted(attempt, messages_in(notes), tuple(json.loads(invented or "[]"))) for attempt, notes, invented in rows
    ]
