"""What is asked about the job as a whole: is one planned, what was asked for, how its last run ended."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.clock import from_text, from_text_or_none
from harness.core.messages import Message, from_json
from harness.ledger.store import opened_for_reading

if TYPE_CHECKING:  # what reads a manifest is not loaded to look at a ledger
    from harness.job.fingerprint import Fingerprint


@contextmanager
def planned(path: Path) -> Iterator[sqlite3.Connection | None]:
    """One consistent view of the ledger at `path`, read-only; None where there is none, or no job is planned in it."""
    if not path.exists():
        yield None
        return
    with opened_for_reading(path) as db:
        db.execute("BEGIN")
        yield db if is_planned(db) else None


def is_planned(db: sqlite3.Connection) -> bool:
    """Is there a job in this ledger?"""
    return db.execute("SELECT 1 FROM job").fetchone() is not None


def name_of(db: sqlite3.Connection) -> str:
    """What the planned job is called."""
    return str(db.execute("SELECT name FROM job").fetchone()[0])


def planned_source(db: sqlite3.Connection) -> str:
    """The digest of the source when its items were planned last; "" = not known."""
    return str(db.execute("SELECT source FROM job").fetchone()[0])


def recorded_fingerprint(db: sqlite3.Connection) -> "Fingerprint":
    """What was planned, or kept last."""
    recorded: Fingerprint = json.loads(db.execute("SELECT fingerprint FROM job").fetchone()[0])
    return recorded


@dataclass(frozen=True, slots=True)
class Head:
    """The job, its last run and its gate, as one row of the ledger has them. Times are UTC."""

    name: str
    noun: str
    rehearsal: bool
    version: str
    planned_at: datetime
    run: int
    """Runs so far; 0 = none."""
    run_started_at: datetime | None
    run_is_open: bool
    """The last run has not ended in order: it runs, or was killed."""
    run_exit_code: int | None
    run_message: Message | None
    run_ended_at: datetime | None
    stopping_until: datetime | None
    """The last run was asked to stop: when its sessions are, or were, ended at the latest."""
    paused: bool
    hold_until: datetime | None
    hold_message: Message | None
    spent_microusd: int
    sessions: int


def head(db: sqlite3.Connection) -> Head:
    row = db.execute(
        """SELECT name, noun, rehearsal, version, planned_at, run, run_started_at, run_is_open, run_exit_code,
           run_why, run_ended_at, stop_asked_at, stop_grace_s, paused, hold_until, hold_why, spent_microusd,
           sessions FROM job"""
    ).fetchone()
    name, noun, rehearsal, version, planned_at, run, started, is_open, code, reason, ended, *rest = row
    asked, grace_s, paused, until, why, *sums = rest
    return Head(
        name=name,
        noun=noun,
        rehearsal=bool(rehearsal),
        version=version,
        planned_at=from_text(planned_at),
        run=run,
        run_started_at=from_text_or_none(started),
        run_is_open=bool(is_open),
        run_exit_code=code,
        run_message=from_json(reason) if reason else None,
        run_ended_at=from_text_or_none(ended),
        stopping_until=from_text(asked) + timedelta(seconds=grace_s or 0) if asked else None,
        paused=bool(paused),
        hold_until=from_text_or_none(until),
        hold_message=from_json(why) if why else None,
        spent_microusd=sums[0],
        sessions=sums[1],
    )
