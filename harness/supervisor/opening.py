"""Before the first start: plan a new job, or hold a known one against what the manifest says today."""

import json
import os
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import __version__
from harness.base.bounded import Bounded
from harness.base.clock import Clock
from harness.base.errors import LedgerDamagedError, Problem, UsageError
from harness.base.files import make_folder, sync_folder
from harness.core.events import (
    BatchPlanned,
    Event,
    FingerprintKept,
    GroupQueued,
    GroupsChosen,
    ItemAdded,
    JobPlanned,
    PlannedPhase,
)
from harness.core.money import in_words, to_micro
from harness.core.types import BatchView, Item
from harness.job.fingerprint import Fingerprint, differences, fingerprint
from harness.job.job import Job
from harness.ledger import queries
from harness.ledger.store import Ledger
from harness.planning.batches import plan
from harness.prompts import render
from harness.sources.read import hash_of, read
from harness.supervisor.attempt import reservation
from harness.supervisor.merging import refuse_foreign_targets

_LONGEST_DIFF = 12
_LOST_PAST = "bring back the ledger, or start anew with --reset, which moves everything to a backup folder"


@dataclass(frozen=True, slots=True)
class Choice:
    """What this run looks at; both empty means everything."""

    first: int | None = None
    only: tuple[str, ...] = ()


def make_state_folder(job: Job) -> None:
    """The folders of a job, private."""
    for folder in (job.state, job.state / "control", job.state / "artifacts", job.state / "attempts"):
        make_folder(folder)


def open_ledger(job: Job, clock: Clock) -> Ledger:
    """The job's ledger, for the holder of its lock.

    UsageError when it belongs to a job of another name, LedgerDamagedError when it is lost, or older than the attempts.
    """
    path = job.state / "ledger.db"
    last = _last_attempt_folder(job)
    if last is not None and not path.exists():
        raise LedgerDamagedError(f"{path} is missing, but {last} was made by it", hint=_LOST_PAST)
    ledger = Ledger.open(path, clock)
    known = queries.run_state(ledger.db).next_attempt if ledger.is_planned() else 0
    if last is not None and int(last.name.partition("-")[0]) >= known:
        ledger.close()
        raise LedgerDamagedError(f"{path} is older than {last}, of which it knows nothing", hint=_LOST_PAST)
    if ledger.is_planned():
        (name,) = ledger.db.execute("SELECT name FROM job").fetchone()
        if name != job.name:
            ledger.close()
            hint = "give each job a manifest of its own, or start this one anew with --reset"
            raise UsageError(
                [Problem(str(job.manifest), f"its ledger belongs to the job {name!r}, not {job.name!r}", hint)]
            )
    return ledger


def _last_attempt_folder(job: Job) -> Path | None:
    """The folder of the attempt that was started last; each is made after its start was committed."""
    with os.scandir(make_folder(job.state / "attempts")) as folders:
        numbered = (folder.name for folder in folders if folder.name.partition("-")[0].isdigit())
        last = max(numbered, key=lambda name: int(name.partition("-")[0]), default=None)
    return job.state / "attempts" / last if last is not None else None


def plan_or_check(job: Job, ledger: Ledger, bounded: Bounded, *, keep: bool = False) -> None:
    """Plan the job if it is new; else refuse changed items and changed shaping fields, unless told to `keep`.

    UsageError with every difference; nothing is written then.
    """
    _refuse_small_budget(job)
    items = read(job, bounded).items
    now = fingerprint(job)
    if not ledger.is_planned():
        refuse_foreign_targets(job, ledger)
        refuse_bad_prompts(job, items)
        plan_job(job, ledger, items, now)
        return
    recorded = recorded_fingerprint(ledger.db)
    changes = [*differences(recorded, now), *changed_items(ledger.db, items)]
    if not changes:
        return
    if not keep:
        raise UsageError([refusal(job, changes)])
    ledger.record(FingerprintKept(dict(now), tuple(changes)))


def refuse_bad_prompts(job: Job, items: Sequence[Item]) -> None:
    """Render the prompt of every first-phase batch (0.15 ms each). UsageError with the first few problems."""
    first = job.phases[0]
    batches = plan(items, first.batch_size)
    groups = ((BatchView.of(batch.ref, batch.items, (batch.first, batch.last)), batch.items) for batch in batches)
    if problems := render.check(first, job.vars, groups):
        raise UsageError(problems)


def recorded_fingerprint(db: sqlite3.Connection) -> Fingerprint:
    """What was planned, or kept last."""
    recorded: Fingerprint = json.loads(db.execute("SELECT fingerprint FROM job").fetchone()[0])
    return recorded


def refusal(job: Job, changes: Sequence[str]) -> Problem:
    """The job has changed, and how; a dozen changes are named."""
    shown = [
        *changes[:_LONGEST_DIFF],
        *([f"and {len(changes) - _LONGEST_DIFF} more"] if changes[_LONGEST_DIFF:] else []),
    ]
    listed = "".join(f"\n    {change}" for change in shown)
    hint = (
        "--keep goes on with the items as they were planned and keeps every done record; "
        "--reset starts anew and moves ledger and outputs to a backup"
    )
    return Problem(str(job.manifest), f"the job has changed since it was planned:{listed}", hint)


def _refuse_small_budget(job: Job) -> None:
    """One reservation above the budget could never start."""
    if job.budget is None:
        return
    for phase in job.phases:
        needed = reservation(job, phase)
        if needed > to_micro(job.budget):
            message = (
                f"budget {in_words(to_micro(job.budget))} cannot pay for one session: a session of phase "
                f"{phase.name} reserves {in_words(needed)} (its cap and one worst response)"
            )
            raise UsageError(
                [Problem(str(job.manifest), message, "raise budget, or lower budget_per_session or max_output")]
            )


def plan_job(job: Job, ledger: Ledger, items: Sequence[Item], now: Fingerprint) -> None:
    """One transaction: the job, every item, every batch of the first phase."""
    first = job.phases[0]
    batches = plan(items, first.batch_size)
    with ledger.transaction() as transaction:
        transaction.record([_job_planned(job, len(items), now)])
        place = 0
        for batch in batches:
            events: list[Event] = []
            for item in batch.items:
                place += 1
                events.append(_added(job, item, place, batch.number))
            ids = tuple(str(item.id) for item in batch.items)
            transaction.record([*events, BatchPlanned(1, batch.number, 0, ids, batch.number)])


def _job_planned(job: Job, items: int, now: Fingerprint) -> JobPlanned:
    phases = tuple(
        PlannedPhase(p.number, p.name, p.noun, p.from_ or 0, p.needs, p.rows is not None, p.batch_size)
        for p in job.phases
    )
    return JobPlanned(job.name, job.noun, job.rehearsal, __version__, dict(now), phases, items)


def _added(job: Job, item: Item, place: int, number: int) -> ItemAdded:
    file = item.file.relative_to(job.folder).as_posix() if item.file else None
    return ItemAdded(1, item.id, None, item.id, f"{place:08d}", number, dict(item.data), hash_of(item), file)


def changed_items(db: sqlite3.Connection, items: Sequence[Item]) -> list[str]:
    """What differs between the items of today and those that were planned, in words."""
    rows = db.execute("SELECT item, sha FROM items WHERE phase = 1 ORDER BY place").fetchall()
    planned = dict(rows)
    today = {str(item.id): hash_of(item) for item in items}
    changes = [f"item {item!r} was removed" for item in planned if item not in today]
    changes += [f"item {item!r} was added" for item in today if item not in planned]
    changes += [f"item {item!r} was edited" for item, sha in today.items() if planned.get(item, sha) != sha]
    if not changes and [row[0] for row in rows] != list(today):
        changes.append("the items are in another order")
    return changes


def choose(job: Job, ledger: Ledger, choice: Choice) -> None:
    """Park every queued group that this run does not look at; groups that hold both kinds are cut in two."""
    db = ledger.db
    if choice.first is None and not choice.only:
        if queries.has_parked_groups(db):
            ledger.record(GroupsChosen(None))
        return
    wanted = _wanted_roots(job, db, choice)
    chosen: list[int] = []
    with ledger.transaction() as transaction:
        for queued in queries.queued_groups(db):
            inside = [item for item, root in queued.roots.items() if root in wanted]
            if len(inside) == len(queued.roots):
                chosen.append(queued.id)
            elif inside:
                group = queries.run_state(db).next_group
                ref = queued.batch
                transaction.record(
                    [GroupQueued(group, ref.phase, ref.number, ref.part, tuple(inside), queued.tries, "chosen")]
                )
                chosen.append(group)
        transaction.record([GroupsChosen(tuple(chosen))])


def _wanted_roots(job: Job, db: sqlite3.Connection, choice: Choice) -> set[str]:
    roots = [row[0] for row in db.execute("SELECT item FROM items WHERE phase = 1 ORDER BY place")]
    unknown = [item for item in choice.only if item not in set(roots)]
    if unknown:
        raise UsageError([Problem("--only", f"no {job.noun} has the id {item!r}") for item in unknown])
    return set(choice.only) | set(roots[: choice.first or 0])


def backup(job: Job, stamp: str) -> Path:
    """Move ledger, artifacts, attempts, progress and merged outputs into a backup folder; the caller holds the lock.

    Outputs go into the state folder first, which is then renamed as a whole: a kill before that rename leaves a job
    that goes on and merges again, a kill after it leaves a job that starts anew.
    """
    folder = job.state.with_name(f"{job.state.name}.backup-{stamp}")
    outputs = [phase.output.merge for phase in job.phases if phase.output.merge is not None]
    targets = [*outputs, *([] if job.rehearsal else [job.folder / "batch_progress.json"])]
    for target in targets:
        if target.exists() and not target.is_relative_to(job.state):
            start = job.folder if target.is_relative_to(job.folder) else target.anchor
            kept = job.state / "outputs-before-reset" / target.relative_to(start)
            make_folder(kept.parent)
            shutil.move(target, kept)
    job.state.rename(folder)
    sync_folder(folder.parent)
    return folder
