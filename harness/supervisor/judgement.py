"""From what an attempt left to verdicts and stored records: the same for a normal end and for a review."""

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.backends.session import Paths
from harness.base.artifacts import ArtifactStore
from harness.base.errors import BrokenSetupError
from harness.base.ids import GroupId, ItemId
from harness.base.slices import Slice
from harness.base.state import open_state
from harness.core.evidence import Fetches, fetches_in
from harness.core.seam import Judge
from harness.core.types import Accepted, Json, Judgement
from harness.core.work import Produced, Work
from harness.evaluation.bounded import Bounded
from harness.job.batch_plan import TOP
from harness.job.job import Job, PhaseSpec
from harness.ledger import item_queries
from harness.ledger.contents import contents_of
from harness.ledger.group_queries import ReadyGroup
from harness.ledger.store import opened_for_reading
from harness.outputs.checks import Breakdowns, Checker
from harness.outputs.judge import for_checks, judge
from harness.outputs.merge import fragment
from harness.outputs.suspects import KnownGood
from harness.sources.read import joined_rows
from harness.supervisor.run_context import JobContext


def judge_of(job: Job, bounded: Bounded) -> Judge:
    """The judge of a job: its checks, in bounded children. Reads the sources that phases join; UsageError with all that
    is wrong."""
    planning = {phase.number: as_planned_by(phase) for phase in job.phases if phase.plans is not None}
    breakdowns, joined = Breakdowns(), joined_rows(replace(job, phases=(*job.phases, *planning.values())), bounded)

    async def judged(store: ArtifactStore, work: Work, produced: Produced) -> Judgement:
        making = list(job.derived_from(work.batch.phase))
        accepted = partial(accepted_before, job, work.batch.phase)
        fetches = partial(fetches_in_folder, produced.folder)
        checker = Checker(work, bounded, dict[str, Json](job.vars), breakdowns, accepted, fetches)
        if work.batch.phase in planning:
            making = [planning[work.batch.phase]]
        judgement = await judge(work, produced.artifacts, produced.output_faults, store, checker, making, joined)
        return _making_nothing(judgement) if work.batch.phase in planning else judgement

    return judged


def fetches_in_folder(folder: Path | None) -> Fetches:
    """What the session of an attempt has fetched, as its recorded stream says: no session can write there, and it is
    there when its output is judged again. Nothing when it is gone."""
    if folder is None:
        return Fetches()
    try:
        with os.fdopen(open_state(Paths.of(folder).stream, os.O_RDONLY), "rb") as lines:
            return fetches_in(lines)
    except (OSError, BrokenSetupError):
        return Fetches()


def as_planned_by(phase: PhaseSpec) -> PhaseSpec:
    """What the records of a phase that `plans` are judged by: as if its plan made items, of which there are none."""
    named = replace(phase, number=-phase.number, noun=phase.planned_noun, join=phase.plans, most=100_000)
    return replace(named, rows=f".{TOP}.batches[].leads[]", plan=f".{TOP}")


def _making_nothing(judgement: Judgement) -> Judgement:
    verdicts = {
        item: Accepted(verdict.records) if isinstance(verdict, Accepted) else verdict
        for item, verdict in judgement.verdicts.items()
    }
    return replace(judgement, verdicts=verdicts)


def accepted_before(job: Job, phase: int) -> KnownGood | None:
    """The item of a phase that was accepted last, as checks are shown it; for any thread. None when there is none."""
    ledger = job.home.ledger
    with opened_for_reading(ledger) as db, closing(contents_of(ledger)) as contents:
        store = ArtifactStore(job.home.artifacts, contents)
        newest = item_queries.newest_accepted(db, phase)
        if newest is None:
            return None
        group = ReadyGroup(GroupId(0), newest.batch, (newest.item,), 0, late=True)
        (item,) = item_queries.items_of(db, group, store, job.folder)
        records = item_queries.records_of(db, phase, newest.item, store)
        return KnownGood(item, for_checks(job.phase(phase).output, {newest.item: records}, store)[newest.item])


async def verdicts_on(run: JobContext, work: Work, produced: Produced) -> Judgement:
    """The judgement, with what only the ledger knows: whose derived items exist already."""
    return run.duplicate_ids.rejected_in(await run.judge(run.store, work, produced))


def store_accepted(store: ArtifactStore, work: Work, judgement: Judgement) -> Mapping[ItemId, Slice]:
    """One fragment of everything accepted, durable when this returns, and where each item lies in it."""
    accepted = {item: verdict for item, verdict in judgement.verdicts.items() if isinstance(verdict, Accepted)}
    kept = fragment(accepted, [item.id for item in work.items if item.id in accepted])
    if accepted:
        store.put(kept.content)
    return kept.slices
