"""Second thoughts, with no supervisor running: frozen artifacts judged by today's checks, acceptances taken back."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.base.artifacts import ArtifactStore
from harness.base.clock import SystemClock
from harness.base.commands import command_at
from harness.base.errors import BrokenSetupError, UsageError
from harness.base.host_errors import in_words, is_of_the_machine
from harness.base.ids import AttemptId, ItemId, Token
from harness.base.reason import Reason
from harness.core.run_events import FingerprintKept
from harness.core.settle import recover
from harness.core.types import Accepted, Ending, Judgement, SessionEvent
from harness.core.work import AttemptSpec, Produced, Work
from harness.evaluation.bounded import Bounded
from harness.job.change import Way
from harness.job.fingerprint import Fingerprint, differences, fingerprint, fingerprint_like
from harness.job.job import Job
from harness.ledger import entry_queries, past_attempts
from harness.ledger.flow import follow
from harness.ledger.job_queries import recorded_fingerprint
from harness.ledger.lock import JobLock
from harness.ledger.open_attempts import member_of
from harness.ledger.past_attempts import Acceptance, PastAttempt, Rejected
from harness.ledger.store import Ledger
from harness.ledger.withdrawal import Word, is_busy, made_from_all, withdraw
from harness.planning.changes import CHECKS, Changes, changed_items, refusal
from harness.planning.work import work_to_judge
from harness.sources.read import read
from harness.supervisor.attempt import settle_unjudgeable
from harness.supervisor.checks_alone import checks_alone
from harness.supervisor.duplicate_ids import DuplicateIds
from harness.supervisor.housekeeping import errors_path, progress_path
from harness.supervisor.judgement import judge_with, store_accepted, verdicts_on
from harness.supervisor.merger import Merger
from harness.supervisor.progress_writer import ProgressWriter
from harness.supervisor.run_context import RunContext
from harness.supervisor.state_folder import open_ledger

ASKED = re.compile(rf"(phases\.[^.]+\.)?session\..*|{CHECKS.pattern}")
"""What may have changed when items are done again."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """An item that is done now, and the attempt whose records it has."""

    phase: int
    item: ItemId
    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class NotGood:
    """An item that the checks of today reject, and why; no reasons where it left nothing that could be judged."""

    phase: int
    item: ItemId
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejudged:
    """`left` stay as they were. `doubtful` are done, and looked at only when that was asked for."""

    recovered: tuple[Recovered, ...]
    left: tuple[NotGood, ...]
    doubtful: tuple[NotGood, ...] = ()


class _NoSessions:
    """An executor for a desk where nothing is ever started."""

    async def run(self, spec: AttemptSpec, on_event: Callable[[SessionEvent], None]) -> Ending:
        raise AssertionError("second thoughts start no session")

    async def interrupt(self, token: Token, *, hard: bool = False) -> None:
        raise AssertionError("second thoughts start no session")

    async def salvage(self, spec: AttemptSpec) -> Ending:
        raise AssertionError("the next launch settles what was lost")

    async def sweep(self) -> int:
        raise AssertionError("the next launch ends what was left behind")

    def work_path(self, folder: Path) -> str:
        return str(folder)


def rejudge_job(job: Job, wanted: Sequence[ItemId] | None, *, only_look: bool) -> Rejudged:
    """Judge what earlier attempts left of rejected items; what is good now is done and merged.

    `only_look` changes nothing, and judges the done items too. JobHeldError while a supervisor runs, UsageError when
    more than the checks has changed, BrokenSetupError when a check does not work.
    """
    with _desk(job, CHECKS) as (run, kept):
        if only_look:
            return asyncio.run(_look(run, wanted))
        if kept is not None:
            run.ledger.record(kept)
        rejudged = asyncio.run(rejudge(run, wanted))
        asyncio.run(_bring_up_to_date(run))
        return rejudged


def withdraw_from_job(job: Job, taken: Sequence[Acceptance], word: Word, *, keep: bool) -> list[Acceptance]:
    """Take acceptances back, and out of the merge; those that stood are returned.

    `keep`: what has changed about prompts and checks is what the items are made again with. JobHeldError, UsageError.
    """
    with _desk(job, ASKED) as (run, kept):
        settle_unjudgeable(run, {(made.phase, made.item) for made in made_from_all(run.ledger.db, taken)})
        if is_busy(run.ledger.db, taken):
            raise BrokenSetupError(
                "a run was killed while sessions worked on what was made from these items",
                hint=f"`{command_at(job.state, 'launch')}` settles that first",
            )
        with run.ledger.transaction() as transaction:
            if kept is not None and keep:
                transaction.record([kept])
            gone = withdraw(transaction, taken, word)
        asyncio.run(_bring_up_to_date(run))
        return gone


def refuse_other_changes(job: Job) -> None:
    """Before anybody is told what will be taken back: UsageError where `withdraw_from_job` would refuse."""
    with _desk(job, ASKED):
        pass


@contextmanager
def _desk(job: Job, expected: re.Pattern[str]) -> Iterator[tuple[RunContext, FingerprintKept | None]]:
    """The ledger under its lock, and what has changed since the job was planned, if it is what was expected."""
    clock = SystemClock()
    try:
        with (
            JobLock(job.home.lock, clock),
            open_ledger(job, clock) as ledger,
            checks_alone(job) as bounded,
        ):
            store = ArtifactStore(job.home.artifacts, ledger.contents)
            judge = judge_with(job, store, bounded)
            run = RunContext(job, ledger, store, clock, _NoSessions(), judge, DuplicateIds(job, ledger))
            yield run, _as_expected(job, ledger, bounded, expected)
    except (OSError, sqlite3.DatabaseError) as error:
        if is_of_the_machine(error):
            raise in_words(error, job.state) from error
        raise


def _as_expected(job: Job, ledger: Ledger, bounded: Bounded, expected: re.Pattern[str]) -> FingerprintKept | None:
    recorded = recorded_fingerprint(ledger.db)
    now = fingerprint_like(recorded, job)

    def others(fields: Fingerprint) -> Fingerprint:
        return {name: value for name, value in fields.items() if not expected.fullmatch(name)}

    of_items = changed_items(job, ledger.db, read(job, bounded).items)  # new ones are none of those that this is about
    unexpected = Changes((*differences(others(recorded), others(now)), *of_items.others), of_items.edited)
    if unexpected.listed():
        way = Way("undo_or_keep", command_at(job.state, "launch", "--keep"))
        raise UsageError([replace(refusal(job, unexpected), ways=(way,))])
    changes = differences(recorded, now)
    return FingerprintKept(dict(fingerprint(job)), settings=job.settings, changes=tuple(changes)) if changes else None


def bring_up_to_date(job: Job) -> None:
    """Write merged files and progress as the ledger has them, after a run that was killed. JobHeldError, UsageError."""
    clock = SystemClock()
    with JobLock(job.home.lock, clock), open_ledger(job, clock) as ledger:
        store = ArtifactStore(job.home.artifacts, ledger.contents)
        with closing(Bounded()) as bounded:
            judge = judge_with(job, store, bounded)
            run = RunContext(job, ledger, store, clock, _NoSessions(), judge, DuplicateIds(job, ledger))
            asyncio.run(_bring_up_to_date(run))


async def _bring_up_to_date(run: RunContext) -> None:
    await Merger(run).merge_all()
    job = run.job
    ProgressWriter(progress_path(job), run.ledger, run.clock, errors_path=errors_path(job)).write_now()


async def rejudge(run: RunContext, wanted: Sequence[ItemId] | None) -> Rejudged:
    """One transaction for all: what was recovered of a batch by several attempts goes on together."""
    with run.ledger.joined():
        return await _rejudge(run, wanted)


async def _rejudge(run: RunContext, wanted: Sequence[ItemId] | None) -> Rejudged:
    recovered: list[Recovered] = []
    batches: set[tuple[int, int]] = set()
    rejected = past_attempts.rejected_items(run.ledger.db, wanted)
    left = {(each.batch.phase, each.item): NotGood(each.batch.phase, each.item) for each in rejected}
    async for again in _judged_again(run, rejected):
        _take_off(left, again)
        if not again.good:
            continue
        batch = again.past.batch
        spans = store_accepted(run.store, again.work, again.judgement)
        members = [member_of(run.ledger.db, batch.phase, item) for item in again.past.items]
        with run.ledger.transaction() as transaction:
            transaction.record(recover(again.past.attempt, batch, members, again.judgement, spans))
        batches.add((batch.phase, batch.number))
        recovered += again.recovered()
    for phase, number in sorted(batches):
        with run.ledger.transaction() as transaction:
            follow(transaction, phase, number)
    return Rejudged(tuple(recovered), tuple(left.values()))


async def _look(run: RunContext, wanted: Sequence[ItemId] | None) -> Rejudged:
    """What `rejudge` would recover, and which done items would not pass; nothing is written."""
    recovered: list[Recovered] = []
    rejected = past_attempts.rejected_items(run.ledger.db, wanted)
    left = {(each.batch.phase, each.item): NotGood(each.batch.phase, each.item) for each in rejected}
    async for again in _judged_again(run, rejected):
        _take_off(left, again)
        recovered += again.recovered()
    doubtful = [doubt async for doubt in _doubts(run, wanted)]
    return Rejudged(tuple(recovered), tuple(left.values()), tuple(doubtful))


@dataclass(frozen=True, slots=True)
class _Again:
    """What one old attempt left, judged today."""

    past: PastAttempt
    work: Work
    judgement: Judgement
    good: tuple[ItemId, ...]

    def recovered(self) -> list[Recovered]:
        return [Recovered(self.past.batch.phase, item, self.past.attempt) for item in self.good]


def _take_off(left: dict[tuple[int, ItemId], NotGood], again: _Again) -> None:
    """Those that are good; of the others the newest attempt, which comes first, says why they are not."""
    for item, verdict in again.judgement.verdicts.items():
        key = (again.past.batch.phase, item)
        if isinstance(verdict, Accepted):
            left.pop(key, None)
        elif key in left and not left[key].reasons:
            left[key] = NotGood(*key, verdict.reasons)


async def _judged_again(run: RunContext, rejected: Sequence[Rejected]) -> AsyncIterator[_Again]:
    """Attempt by attempt, items that are not good yet; each sees what the ones before gave, if that was recorded."""
    open_ = {(each.batch.phase, each.item) for each in rejected}
    queue = [(whole, True) for whole in past_attempts.past_attempts(run.ledger.db, rejected)]
    for whole, may_wait in queue:
        items = tuple(item for item in whole.items if (whole.batch.phase, item) in open_)
        if not items:
            continue
        past = replace(whole, items=items)
        work = _work(run, past, entry_queries.last_seq(run.ledger.db) + 1)
        judgement = await verdicts_on(run, work, _produced(run, past))
        if judgement.raised_check is not None and may_wait:  # the others may show that the check works
            queue.append((whole, False))
            continue
        _refuse_broken_check(judgement)
        good = tuple(item for item in items if isinstance(judgement.verdicts[item], Accepted))
        yield _Again(past, work, judgement, good)
        open_ -= {(past.batch.phase, item) for item in good}


async def _doubts(run: RunContext, wanted: Sequence[ItemId] | None) -> AsyncIterator[NotGood]:
    """Done items whose attempt's output is rejected now, with what was accepted before that attempt in sight."""
    db = run.ledger.db
    members: dict[AttemptId, list[ItemId]] = {}
    for each in past_attempts.accepted(db):
        if each.attempt and (wanted is None or each.item in wanted):  # what was taken over was judged then
            members.setdefault(each.attempt, []).append(each.item)
    for attempt, items in members.items():
        past = past_attempts.past_attempt(db, attempt, tuple(items))
        work = _work(run, past, past.started_seq)
        judgement = await run.judge(work, _produced(run, past))
        _refuse_broken_check(judgement)
        for item, verdict in judgement.verdicts.items():
            if not isinstance(verdict, Accepted):
                yield NotGood(past.batch.phase, item, verdict.reasons)


def _refuse_broken_check(judgement: Judgement) -> None:
    """Or one that is only doubted: here a person waits, who can look at it."""
    broken = judgement.broken_check or judgement.raised_check
    if broken is not None:
        raise BrokenSetupError(broken.detail, hint="mend that, then ask again")


def _work(run: RunContext, past: PastAttempt, before_seq: int) -> Work:
    return work_to_judge(run.job, run.ledger.db, run.store, past.batch, past.items, before_seq)


def _produced(run: RunContext, past: PastAttempt) -> Produced:
    return Produced(past.artifacts, (), run.job.state / past.folder)
