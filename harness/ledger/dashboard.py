"""Seed 004's dashboard: where the job stands, in batches, and how long each phase has taken."""

import sqlite3
from datetime import datetime, timedelta
from typing import Any

from harness.base.clock import from_text, to_text
from harness.base.nouns import camel, plural
from harness.ledger.counts import phase_counts

_BATCHES = """SELECT p.phase, p.name,
    (SELECT count(*) FROM numbers n WHERE n.phase = p.phase AND n.settled = 1),
    (SELECT count(DISTINCT i.number) FROM items i INDEXED BY items_by_state
     JOIN numbers n ON n.phase = i.phase AND n.number = i.number AND n.settled = 1
     WHERE i.phase = p.phase AND i.state IN ('failed', 'blocked')),
    (SELECT count(DISTINCT a.number) FROM attempts a INDEXED BY attempts_running
     WHERE a.ended_seq IS NULL AND a.phase = p.phase)
    FROM phases p ORDER BY p.phase"""
_TIMES = "SELECT phase, min(started_at), max(ended_at), sum(ended_seq IS NULL) FROM attempts GROUP BY phase"


def dashboard(db: sqlite3.Connection, now: datetime) -> dict[str, Any]:
    """`totalSeeds, totalBatches, currentPhase, currentBatch, status, progress {phase: ...}, estimatedCompletion`.

    Of each phase `completed`, `failed`, `inProgress` and `pending` are numbers of batches, whose sum is totalBatches; a
    batch with a failed item counts as failed once it is settled. `duration` is in minutes; `items` counts items.
    """
    (noun,) = db.execute("SELECT noun FROM job").fetchone()
    (items,) = db.execute("SELECT count(*) FROM items WHERE phase = 1").fetchone()
    (batches,) = db.execute("SELECT count(*) FROM numbers WHERE phase = 1").fetchone()
    phase, batch = _current(db)
    status = _status(db, now)
    completion = None if status in ("new", "stopped", "finished") else estimated_completion(db, now)
    return {
        f"total{camel(plural(noun))}": items,
        "totalBatches": batches,
        "currentPhase": phase,
        "currentBatch": batch,
        "status": status,
        "progress": _phases(db, batches, now),
        "estimatedCompletion": to_text(completion) if completion else None,
    }


def _current(db: sqlite3.Connection) -> tuple[str | None, int | None]:
    """The phase with running sessions and its first such batch; with none, the first phase that has open items."""
    query = """SELECT p.name, min(a.number) FROM attempts a JOIN phases p ON p.phase = a.phase
               WHERE a.ended_seq IS NULL GROUP BY p.phase ORDER BY p.phase LIMIT 1"""
    running: tuple[str, int] | None = db.execute(query).fetchone()
    if running is not None:
        return running
    query = """SELECT p.name FROM phases p CROSS JOIN items i INDEXED BY items_open ON i.phase = p.phase
               WHERE i.state IN ('pending', 'running') ORDER BY p.phase LIMIT 1"""
    waiting = db.execute(query).fetchone()
    return (waiting[0] if waiting else None), None


def _status(db: sqlite3.Connection, now: datetime) -> str:
    """new, processing, paused, holding, stopped, or finished: nothing is left to do."""
    runs, is_open, paused, hold, exit_code = db.execute(
        "SELECT run, run_is_open, paused, hold_until, run_exit_code FROM job"
    ).fetchone()
    if not is_open:
        is_over = exit_code in (0, 1) and _current(db)[0] is None
        return "finished" if is_over else "stopped" if runs else "new"
    if paused:
        return "paused"
    return "holding" if hold is not None and from_text(hold) > now else "processing"


def _phases(db: sqlite3.Connection, total: int, now: datetime) -> dict[str, dict[str, Any]]:
    counts = {each.phase: each.counts for each in phase_counts(db)}
    times = {phase: (began, ended, running) for phase, began, ended, running in db.execute(_TIMES)}
    found = {}
    for phase, name, settled, failed, running in db.execute(_BATCHES):
        of = counts[phase]
        found[name] = {
            "completed": settled - failed,
            "failed": failed,
            "inProgress": running,
            "pending": max(0, total - settled - running),
            "duration": _minutes(times[phase], now) if phase in times else "0min",
            "items": {
                "total": of.total,
                "completed": of.done,
                "failed": of.failed,
                "blocked": of.blocked,
                "inProgress": of.running,
                "pending": of.pending,
            },
        }
    return found


def _minutes(times: tuple[str, str | None, int], now: datetime) -> str:
    """`68min`, from the first start to the last end, or to now."""
    started, ended, running = times
    last = now if running or ended is None else from_text(ended)
    return f"{round((last - from_text(started)).total_seconds() / 60)}min"


def estimated_completion(db: sqlite3.Connection, now: datetime) -> datetime | None:
    """From the pace of this run, pauses included; None before the first item is settled, or when nothing is open."""
    (run_started,) = db.execute("SELECT run_started_at FROM job").fetchone()
    if run_started is None:
        return None
    query = "SELECT count(*) FROM items WHERE settled_at >= ? AND state IN ('done', 'failed')"
    (settled,) = db.execute(query, (run_started,)).fetchone()
    (open_,) = db.execute("SELECT count(*) FROM items WHERE state IN ('pending', 'running')").fetchone()
    elapsed_s = (now - from_text(run_started)).total_seconds()
    if settled == 0 or open_ == 0 or elapsed_s <= 0:
        return None
    return now + timedelta(seconds=elapsed_s / settled * open_)
