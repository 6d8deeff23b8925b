"""What a report tells about the life of a job, beyond its counts: runs, holds, money, late items, fingerprints."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from harness.base.clock import from_text
from harness.core import events as e
from harness.core import run_events as r
from harness.core.codec import decode
from harness.job.derived import changes
from harness.views.change_text import kept_lines
from harness.views.wording import counted


@dataclass(frozen=True, slots=True)
class Run:
    """One life of the supervisor. `ended_at` is None for one that was killed, or runs."""

    number: int
    started_at: datetime
    began: r.RunStarted
    ended_at: datetime | None = None
    ended: r.RunEnded | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    placed_at: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A person went on although the job had changed."""

    at: datetime
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spending:
    """In micro-dollars and tokens, over all attempts that have ended. `not_told`: charged as their reservation."""

    attempts: int
    not_told: int
    not_told_microusd: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Source:
    """How many items were accepted under one fingerprint, first used by attempt `first`."""

    first: int
    items: int


def runs(db: sqlite3.Connection) -> list[Run]:
    """Every run, oldest first."""
    found: list[Run] = []
    for at, event in _of_kinds(db, "RunStarted", "RunEnded"):
        if isinstance(event, r.RunStarted):
            found.append(Run(len(found) + 1, at, event))
        elif isinstance(event, r.RunEnded) and found:
            found[-1] = replace(found[-1], ended_at=at, ended=event)
    return found


def holds(db: sqlite3.Connection) -> list[Hold]:
    """Every hold, oldest first."""
    return [Hold(at, from_text(event.until), event.reason) for at, event in _of_kinds(db, "HoldPlaced")]


def pilot(db: sqlite3.Connection) -> r.PilotJudged | None:
    """The last verdict of a pilot."""
    verdicts = [event for _, event in _of_kinds(db, "PilotJudged")]
    return verdicts[-1] if verdicts else None


def kept(db: sqlite3.Connection) -> list[Kept]:
    """Each time a changed job was kept, or new items of its source were planned; oldest first."""
    told = []
    for at, event in _of_kinds(db, "FingerprintKept", "JobExtended"):
        is_extended = isinstance(event, e.JobExtended)
        told.append(Kept(at, (f"{event.items:,} more items were planned",) if is_extended else _kept(event)))
    return told


def _kept(event: r.FingerprintKept) -> tuple[str, ...]:
    left_out = (f"{counted(event.left_out, 'new item')} left out (`--add` appends them)",) if event.left_out else ()
    return (*kept_lines(event), *left_out)


def fingerprints_kept(db: sqlite3.Connection) -> list[r.FingerprintKept]:
    """Each time a person went on with a changed job, oldest first."""
    return [event for _, event in _of_kinds(db, "FingerprintKept")]


def left_out(db: sqlite3.Connection) -> int:
    """New items of the source with which a person said to go on without them. Looks through all entries."""
    told = [event for _, event in _of_kinds(db, "FingerprintKept", "JobExtended")]
    asked = [event for event in told if isinstance(event, e.JobExtended) or event.source]
    return asked[-1].left_out if asked and isinstance(asked[-1], r.FingerprintKept) else 0


def _of_kinds(db: sqlite3.Connection, *kinds: str) -> Iterator[tuple[datetime, Any]]:
    marks = ", ".join("?" * len(kinds))
    query = f"SELECT time, kind, body FROM entries WHERE kind IN ({marks}) ORDER BY seq"  # noqa: S608 only marks
    for time, kind, body in db.execute(query, kinds):
        yield from_text(time), decode(kind, body)


def spending(db: sqlite3.Connection) -> Spending:
    row = db.execute(
        """SELECT count(*), coalesce(sum(cost_known = 0), 0),
                  coalesce(sum(CASE WHEN cost_known = 0 THEN charged_microusd END), 0),
                  coalesce(sum(input_tokens), 0), coalesce(sum(cache_read_tokens), 0),
                  coalesce(sum(cache_write_tokens), 0), coalesce(sum(output_tokens), 0)
           FROM attempts WHERE ended_seq IS NOT NULL"""
    ).fetchone()
    return Spending(*row)


def told_and_counted(db: sqlite3.Connection) -> dict[int, tuple[int | None, int | None]]:
    """Attempt -> micro-dollars that its session told, and that we counted of its requests; None = not known."""
    rows = db.execute(
        """SELECT json_extract(body, '$.attempt'), json_extract(body, '$.told_microusd'),
                  json_extract(body, '$.counted_microusd') FROM entries WHERE kind = 'UsageSettled'"""
    )
    return {attempt: (told, counted) for attempt, told, counted in rows}


def beyond_reservation(db: sqlite3.Connection, most: int) -> list[tuple[int, int, int]]:
    """`(attempt, charged, reserved)` in micro-dollars, of those that cost more than was set aside; the worst first."""
    rows = db.execute(
        """SELECT id, charged_microusd, reserved_microusd FROM attempts WHERE charged_microusd > reserved_microusd
           ORDER BY charged_microusd - reserved_microusd DESC LIMIT ?""",
        (most,),
    )
    return rows.fetchall()


def sources(db: sqlite3.Connection) -> list[Source]:
    """Which attempts, by fingerprint, the accepted items came from; more than one means the job has changed."""
    rows = db.execute(
        """SELECT min(t.id), count(*) FROM accepted a JOIN attempts t ON t.id = a.attempt
           GROUP BY t.fingerprint ORDER BY 1"""
    )
    return [Source(first, items) for first, items in rows]


def second_thoughts(db: sqlite3.Connection) -> list[tuple[datetime, str, str, str]]:
    """`(when, phase, item, what)` of every acceptance that a person took back, or that later checks gave, and of every
    row that was edited; in order."""
    names: dict[int, str] = dict(db.execute("SELECT phase, name FROM phases").fetchall())
    rows = db.execute(
        """SELECT time, kind, body FROM entries WHERE kind IN ('ItemWithdrawn', 'ItemEdited')
           OR (kind = 'ItemAccepted' AND json_extract(body, '$.rejudged')
               AND coalesce(json_extract(body, '$.source'), '') = '') ORDER BY seq"""
    )
    found = []
    for time, kind, body in rows:
        event: Any = decode(kind, body)
        found.append((from_text(time), names[event.phase], event.item, _second_thought(event)))
    return found


def _second_thought(event: e.ItemWithdrawn | e.ItemEdited | e.ItemAccepted) -> str:
    match event:
        case e.ItemEdited():
            return f"has the row of today, by {event.who}; what was made of the old one does not count"
        case e.ItemWithdrawn():
            return f"withdrawn by {event.who}: {event.why} (attempt {event.attempt})"
        case e.ItemAccepted():
            return f"accepted by later checks (attempt {event.attempt})"


def upgrades(db: sqlite3.Connection) -> list[tuple[int, str, str, str]]:
    """`(run, version, version of the run before, what is derived in another way)` where a run had another version."""
    found = []
    for one, next_ in pairwise(runs(db)):
        derived = changes(one.began.derived, next_.began.derived)
        if one.began.version != next_.began.version or derived:
            found.append((next_.number, next_.began.version, one.began.version, ", ".join(derived) or "nothing"))
    return found


def joined_late(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """`(phase, item)` of items that went on beside the plan: reopened by a person, or made from one that came late."""
    rows = db.execute(
        """SELECT p.name, i.item FROM items i JOIN phases p ON p.phase = i.phase
           LEFT JOIN batches b ON b.phase = i.phase AND b.number = i.number AND b.part = i.part
           WHERE b.late = 1 OR i.round > 1 ORDER BY i.phase, i.place"""
    )
    return rows.fetchall()


def blocked(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """`(phase, item, reason)` of items whose predecessor failed."""
    rows = db.execute(
        """SELECT p.name, i.item, i.reasons FROM items i JOIN phases p ON p.phase = i.phase
           WHERE i.state = 'blocked' ORDER BY i.phase, i.place"""
    )
    return [(phase, item, "; ".join(json.loads(reasons))) for phase, item, reasons in rows]


def noted(db: sqlite3.Connection) -> list[tuple[int, str]]:
    """`(attempt, note)`: oddities that did no harm, and ids that nobody asked for."""
    rows = db.execute(
        "SELECT id, notes, invented FROM attempts WHERE notes NOT IN ('[]') OR invented NOT IN ('[]') ORDER BY id"
    )
    found = []
    for attempt, notes, invented in rows:
        found += [(attempt, note) for note in json.loads(notes or "[]")]
        if ids := json.loads(invented or "[]"):
            found.append((attempt, f"ids nobody asked for, not merged: {', '.join(ids)}"))
    return found


def set_aside(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """(merged file, the name under which what somebody had changed there is kept), in the order of the merges."""
    return db.execute(
        "SELECT m.target, json_extract(e.body, '$.set_aside') FROM merges m JOIN entries e USING (seq)"
        " WHERE coalesce(json_extract(e.body, '$.set_aside'), '') != '' ORDER BY seq"
    ).fetchall()


def merged(db: sqlite3.Connection) -> list[tuple[str, str, int, str]]:
    """`(phase, target, records, sha)` of each phase's newest merge."""
    rows = db.execute(
        """SELECT p.name, m.target, m.records, m.sha FROM merges m JOIN phases p ON p.phase = m.phase
           WHERE m.seq = (SELECT max(seq) FROM merges WHERE phase = m.phase) ORDER BY m.phase"""
    )
    return rows.fetchall()


def selections(db: sqlite3.Connection) -> Iterator[tuple[str, int, int, str]]:
    """Phase, how many items were selected, of how many, and how many of each category; in order of time."""
    rows = db.execute(
        """SELECT p.name, json_extract(e.body, '$.chosen'), json_extract(e.body, '$.of'),
           json_extract(e.body, '$.categories') FROM entries e
           JOIN phases p ON p.phase = json_extract(e.body, '$.phase') WHERE e.kind = 'SelectionMade' ORDER BY e.seq"""
    )
    for phase, chosen, of, categories in rows:
        counts = json.loads(categories)
        yield phase, chosen, of, ", ".join(f"{name or 'none'} {number}" for name, number in counts.items())
