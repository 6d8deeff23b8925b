"""Short readings of a ledger: one consistent view, read-only, closed as soon as it is read."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.base.commands import command_at
from harness.base.errors import Problem, UsageError
from harness.base.instances import instances_of, origin_of
from harness.base.job_home import JobHome
from harness.core.codec import UnreadableEntryError
from harness.ledger import clean_shutdown
from harness.ledger.job_queries import planned
from harness.ledger.lock import is_held
from harness.ledger.loss import refuse_lost
from harness.ledger.verification import damaged


@contextmanager
def reading(state: Path) -> Iterator[sqlite3.Connection]:
    """One view of the ledger in the state folder. UsageError when nothing was ever planned there.

    LedgerDamagedError when there was a ledger, and it is gone or cannot be read.
    """
    refuse_lost(state)
    try:
        with planned(JobHome(state).ledger) as db:
            if db is None:
                raise UsageError([not_planned(state)])
            yield db
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError) as error:
        if clean_shutdown.look(JobHome(state).ledger) == "whole" or is_held(
            JobHome(state).lock
        ):  # it is what was written: our bug
            raise
        raise damaged(JobHome(state).ledger, f"{type(error).__name__}: {error}") from error
    except UnreadableEntryError as error:
        raise damaged(JobHome(state).ledger, str(error)) from error


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
    hint = f"run `{command_at(state, 'launch')}`"
    if rehearsal_beside(state) is not None:
        hint += "; for its rehearsal, add --rehearsal"
    if origin.instance is None and (names := instances_of(origin.manifest, rehearsal=origin.rehearsal)):
        hint = f"for an instance, add --as: {', '.join(names)}; {hint}"
    what = "this job" if origin.instance is None else f"its instance {origin.instance!r}"
    return Problem(origin.manifest.name, f"{what} has not been {done} yet", hint)


def rehearsal_beside(state: Path) -> Path | None:
    """The state folder of this job's rehearsal, when there is one; None for a rehearsal itself."""
    beside = state.with_name(f"{state.name}.rehearsal")
    return beside if (JobHome(beside).ledger).exists() else None
