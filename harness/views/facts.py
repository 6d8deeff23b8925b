"""What a report tells about the life of a job, beyond its counts: runs, holds, money, late items, fingerprints."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from operator import itemgetter

from harness.base.clock import from_text
from harness.core import events as e
from harness.core import run_events as r
from harness.core.messages import Message
from harness.job.derived import changes
from harness.ledger import attempt_queries, selection_queries
from harness.ledger.entry_queries import entries_of, reviews
from harness.ledger.phase_queries import phase_names
from harness.views.change_text import kept_lines
from harness.views.messages import text_of
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
    message: Message


@dataclass(frozen=True, slots=True)
class KeptChange:
    """A person went on although the job had changed."""

    at: datetime
    differences: tuple[str, ...]


def runs(db: sqlite3.Connection) -> list[Run]:
    """Every run, oldest first."""
    found: list[Run] = []
    for entry in entries_of(db, "RunStarted", "RunEnded"):
        at, event = from_text(entry.time), entry.event
        if isinstance(event, r.RunStarted):
            found.append(Run(len(found) + 1, at, event))
        elif isinstance(event, r.RunEnded) and found:
            found[-1] = replace(found[-1], ended_at=at, ended=event)
    return found


def holds(db: sqlite3.Connection) -> list[Hold]:
    """Every hold, oldest first."""
    return [
        Hold(from_text(entry.time), from_text(event.until), event.message)
        for entry in entries_of(db, "HoldPlaced")
        if isinstance(event := entry.event, r.HoldPlaced)
    ]


def pilot(db: sqlite3.Connection) -> r.PilotJudged | None:
    """The last verdict of a pilot."""
    verdicts = [entry.event for entry in entries_of(db, "PilotJudged") if isinstance(entry.event, r.PilotJudged)]
    return verdicts[-1] if verdicts else None


def kept(db: sqlite3.Connection) -> list[KeptChange]:
    """Each time a changed job was kept, or new items of its source were planned; oldest first."""
    told = []
    for entry in entries_of(db, "FingerprintKept", "JobExtended"):
        match entry.event:
            case e.JobExtended(items=items):
                told.append(KeptChange(from_text(entry.time), (f"{items:,} more items were planned",)))
            case r.FingerprintKept() as event:
                told.append(KeptChange(from_text(entry.time), _kept(event)))
    return told


def _kept(event: r.FingerprintKept) -> tuple[str, ...]:
    left_out = (f"{counted(event.left_out, 'new item')} left out (`--add` appends them)",) if event.left_out else ()
    return (*kept_lines(event), *left_out)


def fingerprints_kept(db: sqlite3.Connection) -> list[r.FingerprintKept]:
    """Each time a person went on with a changed job, oldest first."""
    events = [entry.event for entry in entries_of(db, "FingerprintKept")]
    return [event for event in events if isinstance(event, r.FingerprintKept)]


def left_out(db: sqlite3.Connection) -> int:
    """New items of the source with which a person said to go on without them. Looks through all entries."""
    told = [entry.event for entry in entries_of(db, "FingerprintKept", "JobExtended")]
    asked = [
        event
        for event in told
        if isinstance(event, e.JobExtended) or (isinstance(event, r.FingerprintKept) and event.source)
    ]
    return asked[-1].left_out if asked and isinstance(asked[-1], r.FingerprintKept) else 0


def review_entries(db: sqlite3.Connection) -> list[tuple[datetime, str, str, str]]:
    """`(when, phase, item, what)` of every acceptance that a person took back, or that later checks gave, and of every
    row that was edited; in order."""
    names = phase_names(db)
    found = []
    for entry in reviews(db):
        event = entry.event
        assert isinstance(event, e.ItemWithdrawn | e.ItemEdited | e.ItemReopened | e.ItemAccepted)
        found.append((from_text(entry.time), names[event.phase], event.item, _review_in_words(event)))
    return found


def _review_in_words(event: e.ItemWithdrawn | e.ItemEdited | e.ItemReopened | e.ItemAccepted) -> str:
    match event:
        case e.ItemEdited() | e.ItemReopened():
            return f"uses its current row, set by {event.who}; output made from the old row no longer counts"
        case e.ItemWithdrawn():
            return f"withdrawn by {event.who}: {event.why} (attempt {event.attempt})"
        case e.ItemAccepted():
            return f"accepted by rejudge (attempt {event.attempt})"


def upgrades(db: sqlite3.Connection) -> list[tuple[int, str, str, str]]:
    """`(run, version, version of the run before, what is derived in another way)` where a run had another version."""
    found = []
    for one, next_ in pairwise(runs(db)):
        derived = changes(one.began.derived, next_.began.derived)
        if one.began.version != next_.began.version or derived:
            found.append((next_.number, next_.began.version, one.began.version, ", ".join(derived) or "nothing"))
    return found


def unauthorized_changes(db: sqlite3.Connection) -> list[tuple[int, str]]:
    """`(attempt, what changed)`."""
    return [(attempt, text_of(note)) for attempt, note in _notes(db) if note.kind == "unauthorized_change"]


def noted(db: sqlite3.Connection) -> list[tuple[int, str]]:
    """`(attempt, note)`: the other oddities, and ids that nobody asked for."""
    found = [(attempt, text_of(note)) for attempt, note in _notes(db) if note.kind != "unauthorized_change"]
    invented = [(each.attempt, ", ".join(each.invented)) for each in attempt_queries.noted(db) if each.invented]
    found += [(attempt, f"ids that were not requested, not merged: {ids}") for attempt, ids in invented]
    return sorted(found, key=itemgetter(0))


def _notes(db: sqlite3.Connection) -> Iterator[tuple[int, Message]]:
    for each in attempt_queries.noted(db):
        yield from ((each.attempt, note) for note in each.notes)


def selections(db: sqlite3.Connection) -> Iterator[tuple[str, int, int, str]]:
    """Phase, how many items were selected, of how many, and how many of each category; in order of time."""
    for each in selection_queries.selections(db):
        counts = ", ".join(f"{name or 'none'} {number}" for name, number in each.categories.items())
        yield each.phase, each.chosen, each.of, counts
