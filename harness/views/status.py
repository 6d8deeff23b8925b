"""Where a job stands: the numbers behind `status`, `status --json` and the live display."""

import sqlite3
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from harness.base.clock import to_text
from harness.base.instances import origin_of
from harness.base.job_home import JobHome
from harness.core.gate import Closed
from harness.core.messages import Message
from harness.core.money import to_usd
from harness.ledger import group_queries, lock, money_queries
from harness.ledger.counts import Counts, PhaseCounts, job_counts, phase_counts
from harness.ledger.dashboard import estimated_completion
from harness.ledger.job_queries import Head, head
from harness.ledger.progress_file import edited_copies, failed_items
from harness.ledger.recorded_attempts import open_attempts
from harness.ledger.reuse_queries import reused
from harness.ledger.waiting_note import what_is_waited_for
from harness.views.attempt_rows import BatchName, BatchNames
from harness.views.ledger_reading import reading
from harness.views.messages import text_of
from harness.views.reason_words import as_error, reasons_text
from harness.views.results import Result, WorkbookStatus, results, workbooks

SCHEMA_VERSION = 1

State = Literal["new", "running", "paused", "holding", "stopped", "finished"]


@dataclass(frozen=True, slots=True)
class Current:
    """An attempt that runs now."""

    attempt: int
    batch: BatchName
    started_at: datetime


@dataclass(frozen=True, slots=True)
class FailedItem:
    """A failed item, in whatever phase it failed."""

    id: str
    phase: str
    reason: str
    attempts: int
    errors: tuple[dict[str, Any], ...] = ()
    """`{type, field, message}` of each reason."""


@dataclass(frozen=True, slots=True)
class Status:
    """One moment of a job. `head` is None before the first launch; `hold`: until when nothing starts, and why."""

    job: str
    state: State
    rehearsal: bool
    head: Head | None
    counts: Counts
    phases: tuple[PhaseCounts, ...]
    reserved_microusd: int
    current: tuple[Current, ...]
    failed: tuple[FailedItem, ...]
    hold: tuple[datetime, Message] | None
    estimated_completion: datetime | None
    waiting_requests: int
    """Requests in the control spool that nobody has taken yet."""
    reopened: int = 0
    """Items that a person has reopened, and that wait for their first session since."""
    results: tuple[Result, ...] = ()
    workbooks: tuple[WorkbookStatus, ...] = ()
    edited: tuple[str, ...] = ()
    """Names of copies of batch_progress.json that people have changed, in the state folder."""
    taken_over: tuple[tuple[str, int], ...] = ()
    """State folder of another job -> how many items' records came from there and stand."""
    instance: str | None = None
    """`--as NAME`: which of several jobs of one manifest."""

    def as_json(self) -> dict[str, Any]:
        """The documented shape of `status --json`, exactly."""
        return {
            "schema_version": SCHEMA_VERSION,
            "job": self.job,
            "state": self.state,
            "rehearsal": self.rehearsal,
            "counts": asdict(self.counts),
            "phases": [{"name": p.name, "noun": p.noun, "counts": asdict(p.counts)} for p in self.phases],
            "usage": {
                "cost_usd": float(to_usd(self.head.spent_microusd)) if self.head else 0.0,
                "reserved_usd": float(to_usd(self.reserved_microusd)),
                "sessions": self.head.sessions if self.head else 0,
            },
            "holds": [
                {"reason": text_of(why), "until": to_text(until), **why.as_json()}
                for until, why in ([self.hold] if self.hold else [])
            ],
            "stop": self._stop(),
            "failed": [
                {"id": f.id, "reason": f.reason, "attempts": f.attempts, "errors": list(f.errors)} for f in self.failed
            ],
            "results": [
                {"phase": r.phase, "file": r.target, "records": r.records, "is_current": r.is_current}
                for r in self.results
            ],
            "workbooks": [
                {
                    "file": each.target,
                    "rows": each.rows,
                    "is_current": each.is_current,
                    "problem": None if each.problem is None else asdict(each.problem),
                }
                for each in self.workbooks
            ],
            "as": self.instance,
        }

    def _stop(self) -> dict[str, Any] | None:
        """Why the last run ended; None while one runs, and after one that was killed."""
        why = self.head.run_message if self.head else None
        return None if why is None else {**why.as_json(), "text": text_of(why)}


def new(job: str, *, rehearsal: bool, instance: str | None = None) -> Status:
    """The status of a job that was never launched."""
    return Status(job, "new", rehearsal, None, Counts(), (), 0, (), (), None, None, 0, instance=instance)


def read_status(state: Path, now: datetime) -> Status:
    """UsageError when nothing is planned yet: say `new` then."""
    is_held = lock.is_held(JobHome(state).lock)
    with reading(state) as db:
        waited_for = what_is_waited_for(state, now) if is_held else None
        requests = _waiting_requests(JobHome(state).control)
        found = status_of(db, now, is_held=is_held, waiting_requests=requests, waited_for=waited_for)
        backs = workbooks(db, state)
    edited = tuple(path.name for path in edited_copies(state))
    return replace(found, workbooks=backs, edited=edited, instance=origin_of(state).instance)


def status_of(
    db: sqlite3.Connection,
    now: datetime,
    *,
    is_held: bool,
    waiting_requests: int = 0,
    waited_for: Closed | None = None,
) -> Status:
    """The status that this view of the ledger shows; `is_held`: a supervisor lives, and `waited_for` is its word.

    A rate is a hold only while nothing runs: it lets the next one start soon.
    """
    job = head(db)
    phases = phase_counts(db)
    counts = phases[0].counts if len(phases) == 1 else job_counts(db)
    hold = None
    if job.hold_until and job.hold_message and job.hold_until > now:
        hold = job.hold_until, job.hold_message
    current = tuple(_current(db)) if is_held else ()
    if waited_for is not None:
        hold = waited_for.until, waited_for.message
    is_holding = hold is not None and not (waited_for and waited_for.why == "rate" and current)
    goes_on = is_held and not job.paused and job.stopping_until is None
    if not is_held:
        counts, phases = _at_rest(counts), [_phase_at_rest(phase) for phase in phases]
    return Status(
        job=job.name,
        state=_state(job, counts, is_held=is_held, is_holding=is_holding),
        rehearsal=job.rehearsal,
        head=job,
        counts=counts,
        phases=tuple(phases),
        reserved_microusd=money_queries.money(db).reserved,
        current=current,
        failed=tuple(
            FailedItem(f.item, f.phase, reasons_text(f.reasons), f.attempts, tuple(map(as_error, f.reasons)))
            for f in failed_items(db)
        ),
        hold=hold,
        estimated_completion=estimated_completion(db, now) if goes_on else None,
        waiting_requests=waiting_requests,
        reopened=group_queries.reopened_items(db),
        results=results(db),
        taken_over=found.sources if (found := reused(db)) else (),
    )


def _state(job: Head, counts: Counts, *, is_held: bool, is_holding: bool) -> State:
    if is_held:
        return "paused" if job.paused else "holding" if is_holding else "running"
    if job.run == 0:
        return "new"
    return "finished" if counts.settled == counts.total else "stopped"


def _at_rest(counts: Counts) -> Counts:
    """Without a supervisor nothing runs: what a killed run left open is pending, the next launch settles it."""
    return Counts(counts.pending + counts.running, 0, counts.done, counts.failed, counts.blocked, counts.skipped)


def _phase_at_rest(phase: PhaseCounts) -> PhaseCounts:
    return PhaseCounts(phase.phase, phase.name, phase.noun, _at_rest(phase.counts))


def _current(db: sqlite3.Connection) -> list[Current]:
    batches = BatchNames(db)
    return [Current(row.id, batches.of_attempt(row), row.started_at) for row in open_attempts(db)]


def _waiting_requests(folder: Path) -> int:
    return sum(1 for _ in folder.glob("[0-9]*.json"))
