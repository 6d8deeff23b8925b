"""What is asked of the entries themselves: the newest one, those of a kind, those of one settling."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from harness.base.clock import from_text
from harness.core.codec import decode
from harness.core.events import Event
from harness.ledger.store import Entry


def last_seq(db: sqlite3.Connection) -> int:
    """The number of the newest entry."""
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0])


def newest_time(db: sqlite3.Connection) -> datetime | None:
    """When the newest entry was written; None in an empty ledger."""
    row = db.execute("SELECT time FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    return from_text(row[0]) if row else None


def event_at(db: sqlite3.Connection, seq: int) -> Event:
    """The event of this entry, which there is."""
    return decode(*db.execute("SELECT kind, body FROM entries WHERE seq = ?", (seq,)).fetchone())


def entries_of(db: sqlite3.Connection, *kinds: str, after: int = 0) -> list[Entry]:
    """The entries of these kinds with a greater `seq`, in order. Looks through all that come after."""
    marks = ", ".join("?" * len(kinds))
    query = f"SELECT seq, time, kind, body FROM entries WHERE seq > ? AND kind IN ({marks}) ORDER BY seq"  # noqa: S608 only marks
    return _entries(db.execute(query, (after, *kinds)).fetchall())


def last_kind_before(db: sqlite3.Connection, seq: int, *kinds: str) -> str | None:
    """Which of these kinds the newest entry before this one is of; None when there is none."""
    marks = ", ".join("?" * len(kinds))
    query = f"SELECT kind FROM entries WHERE seq < ? AND kind IN ({marks}) ORDER BY seq DESC LIMIT 1"  # noqa: S608
    row = db.execute(query, (seq, *kinds)).fetchone()
    return str(row[0]) if row else None


def events_backwards(db: sqlite3.Connection, after: int, before: int, skipped: Collection[str]) -> Iterator[Event]:
    """The events between two entries, newest first, without those of the `skipped` kinds."""
    query = "SELECT kind, body FROM entries WHERE seq < ? AND seq > ? ORDER BY seq DESC"
    return (decode(kind, body) for kind, body in db.execute(query, (before, after)) if kind not in skipped)


def withdrawals(db: sqlite3.Connection, phase: int, item: str) -> list[Entry]:
    """Each time that this item was withdrawn, in order. Looks through all entries."""
    rows = db.execute(
        """SELECT seq, time, kind, body FROM entries WHERE kind = 'ItemWithdrawn'
           AND json_extract(body, '$.phase') = ? AND json_extract(body, '$.item') = ? ORDER BY seq""",
        (phase, item),
    )
    return _entries(rows.fetchall())


def reviews(db: sqlite3.Connection) -> list[Entry]:
    """Every acceptance that a person took back, or that later checks gave, and every row that was edited; in order."""
    rows = db.execute(
        """SELECT seq, time, kind, body FROM entries WHERE kind IN ('ItemWithdrawn', 'ItemEdited')
           OR (kind = 'ItemReopened' AND json_extract(body, '$.row') IS NOT NULL)
           OR (kind = 'ItemAccepted' AND json_extract(body, '$.rejudged')
               AND coalesce(json_extract(body, '$.source'), '') = '') ORDER BY seq"""
    )
    return _entries(rows.fetchall())


def _entries(rows: Sequence[tuple[int, str, str, str]]) -> list[Entry]:
    return [Entry(seq, time, decode(kind, body)) for seq, time, kind, body in rows]
