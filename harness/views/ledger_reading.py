"""Short readings of a ledger: one consistent view, read-only, closed as soon as it is read."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from harness.base.clock import from_text
from harness.base.commands import command_at
from harness.base.errors import Problem, UsageError
from harness.base.instances import instances_of, origin_of
from harness.core.codec import UnreadableEntryError
from harness.ledger import clean_shutdown
from harness.ledger.lock import is_held
from harness.ledger.loss import refuse_lost
from harness.ledger.store import opened_for_reading
from harness.ledger.verification import damaged


@contextmanager
def reading(state: Path) -> Iterator[sqlite3.Connection]:
    """One view of the ledger in the state folder. UsageError when nothing was ever planned there.

    LedgerDamagedError when there was a ledger, and it is gone or cannot be read.
    """
    refuse_lost(state)
    if not (state / "ledger.db").exists():
        raise UsageError([not_planned(state)])
    try:
        with opened_for_reading(state / "ledger.db") as db:
            db.execute("BEGIN")
            if db.execute("SELECT 1 FROM job").fetchone() is None:
                raise UsageError([not_planned(state)])
            yield db
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError) as error:
        if clean_shutdown.look(state / "ledger.db") == "whole" or is_held(
            state / "lock"
        ):  # it is what was written: our bug
            raise
        raise damaged(state / "ledger.db", f"{type(error).__name__}: {error}") from error
    except UnreadableEntryError as error:
        raise damaged(state / "ledger.db", str(error)) from error


def is_planned(state: Path) -> bool:
    """Is there a ledger with a job in it?"""
    try:
        with reading(state):
            return True
    except UsageError:
        return False


def not_planned(state: Path) -> Problem:
    """Nothing was launched or rehearsed here yet."""
    origin = origin_of(state)
    done = "rehearsed" if origin.rehearsal else "launched"
    hint = f"`{command_at(state, 'launch')}` does it"
    if rehearsal_beside(state) is not None:
        hint += "; its rehearsal is meant with --rehearsal"
    if origin.instance is None and (names := instances_of(origin.manifest, rehearsal=origin.rehearsal)):
        hint = f"an instance is meant with --as: {', '.join(names)}; {hint}"
    what = "this job" if origin.instance is None else f"its instance {origin.instance!r}"
    return Problem(origin.manifest.name, f"{what} has not been {done} yet", hint)


def rehearsal_beside(state: Path) -> Path | None:
    """The state folder of this job's rehearsal, when there is one; None for a rehearsal itself."""
    beside = state.with_name(f"{state.name}.rehearsal")
    return beside if (beside / "ledger.db").exists() else None


@dataclass(frozen=True, slots=True)
class Head:
    """The job, its last run and its gate, as one row of the ledger tells them. Times are UTC."""

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
    run_reason: str | None
    run_ended_at: datetime | None
    stopping_until: datetime | None
    """The last run was asked to stop: when its sessions are, or were, ended at the latest."""
    paused: bool
    hold_until: datetime | None
    hold_reason: str | None
    spent_microusd: int
    sessions: int


def head(db: sqlite3.Connection) -> Head:
    row = db.execute(
        """SELECT name, noun, rehearsal, version, planned_at, run, run_started_at, run_is_open, run_exit_code,
           run_reason, run_ended_at, stop_asked_at, stop_grace_s, paused, hold_until, hold_reason, spent_microusd,
           sessions FROM job"""
    ).fetchone()
    name, noun, rehearsal, version, planned, run, started, is_open, code, reason, ended, *rest = row
    asked, grace_s, paused, until, why, *sums = rest
    return Head(
        name=name,
        noun=noun,
        rehearsal=bool(rehearsal),
        version=version,
        planned_at=from_text(planned),
        run=run,
        run_started_at=moment(started),
        run_is_open=bool(is_open),
        run_exit_code=code,
        run_reason=reason,
        run_ended_at=moment(ended),
        stopping_until=from_text(asked) + timedelta(seconds=grace_s or 0) if asked else None,
        paused=bool(paused),
        hold_until=moment(until),
        hold_reason=why,
        spent_microusd=sums[0],
        sessions=sums[1],
    )


def moment(text: str | None) -> datetime | None:
    return from_text(text) if text else None
