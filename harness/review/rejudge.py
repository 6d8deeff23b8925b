"""Frozen artifacts of earlier attempts, judged by today's checks."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from harness.base.errors import BrokenSetupError
from harness.base.ids import AttemptId, ItemId
from harness.base.reason import Reason
from harness.core.settle import recover
from harness.core.types import Accepted, Judgement
from harness.core.work import Produced, Work
from harness.job.job import Job
from harness.ledger import entry_queries, past_attempts
from harness.ledger.flow import follow
from harness.ledger.open_attempts import member_of
from harness.ledger.past_attempts import PastAttempt, RejectedItem
from harness.planning.changes import CHECKS
from harness.planning.work import work_to_judge
from harness.review.held_job import held, write_outputs
from harness.supervisor.judgement import store_accepted, verdicts_on
from harness.supervisor.run_context import JobContext
from harness.views.fault_words import fault_text


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


async def rejudge_job(job: Job, wanted: Sequence[ItemId] | None, *, only_look: bool) -> Rejudged:
    """Judge what earlier attempts left of rejected items; what is good now is done and merged.

    `only_look` changes nothing, and judges the done items too. JobHeldError while a supervisor runs, UsageError when
    more than the checks has changed, BrokenSetupError when a check does not work.
    """
    async with held(job, CHECKS) as (run, kept):
        if only_look:
            return await _look(run, wanted)
        if kept is not None:
            run.ledger.record(kept)
        rejudged = await rejudge(run, wanted)
        await write_outputs(run)
        return rejudged


async def rejudge(run: JobContext, wanted: Sequence[ItemId] | None) -> Rejudged:
    """One transaction for all: what was recovered of a batch by several attempts goes on together."""
    with run.ledger.joined():
        return await _rejudge(run, wanted)


async def _rejudge(run: JobContext, wanted: Sequence[ItemId] | None) -> Rejudged:
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


async def _look(run: JobContext, wanted: Sequence[ItemId] | None) -> Rejudged:
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


async def _judged_again(run: JobContext, rejected: Sequence[RejectedItem]) -> AsyncIterator[_Again]:
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


async def _doubts(run: JobContext, wanted: Sequence[ItemId] | None) -> AsyncIterator[NotGood]:
    """Done items whose attempt's output is rejected now, with what was accepted before that attempt in sight."""
    db = run.ledger.db
    members: dict[AttemptId, list[ItemId]] = {}
    for each in past_attempts.accepted(db):
        if each.attempt and (wanted is None or each.item in wanted):  # what was taken over was judged then
            members.setdefault(each.attempt, []).append(each.item)
    for attempt, items in members.items():
        past = past_attempts.past_attempt(db, attempt, tuple(items))
        work = _work(run, past, past.started_seq)
        judgement = await run.judge(run.store, work, _produced(run, past))
        _refuse_broken_check(judgement)
        for item, verdict in judgement.verdicts.items():
            if not isinstance(verdict, Accepted):
                yield NotGood(past.batch.phase, item, verdict.reasons)


def _refuse_broken_check(judgement: Judgement) -> None:
    """Or one that is only doubted: here a person waits, who can look at it."""
    broken = judgement.broken_check or judgement.raised_check
    if broken is not None:
        raise BrokenSetupError(fault_text(broken.why), hint="fix that, then run the same command again")


def _work(run: JobContext, past: PastAttempt, before_seq: int) -> Work:
    return work_to_judge(run.job, run.ledger.db, run.store, past.batch, past.items, before_seq)


def _produced(run: JobContext, past: PastAttempt) -> Produced:
    return Produced(past.artifacts, (), run.job.state / past.folder)
