"""What is asked about the runs of a job: where they stand, and what the job has used so far."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from harness.base.clock import from_text
from harness.base.ids import AttemptId, GroupId
from harness.core.messages import Message, from_json


@dataclass(frozen=True, slots=True)
class Used:
    """What the job has used so far; tokens without cache reads."""

    sessions: int
    turns: int
    tokens: int


@dataclass(frozen=True, slots=True)
class RunState:
    """What a run needs to know of the runs before it."""

    paused: bool
    hold: tuple[datetime, Message] | None
    provider_faults_in_a_row: int
    next_attempt: AttemptId
    next_group: GroupId
    used: Used


def run_state(db: sqlite3.Connection) -> RunState:
    paused, until, why, faults, attempt, group, *used = db.execute(
        "SELECT paused, hold_until, hold_why, provider_faults_in_a_row, next_attempt, next_group,"
        " sessions, turns, tokens FROM job"
    ).fetchone()
    hold = (from_text(until), from_json(why)) if until else None
    return RunState(bool(paused), hold, faults, AttemptId(attempt), GroupId(group), Used(*used))


def pilot_state(db: sqlite3.Connection) -> str | None:
    """`started`, `judged`, or None when the job has had no pilot."""
    (state,) = db.execute("SELECT pilot FROM job").fetchone()
    return str(state) if state else None
