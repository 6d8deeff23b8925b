"""Attempts that a lost supervisor, or a full disk, left open: settled from their folders; a valid file counts."""

import sqlite3
from collections.abc import Container
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from harness.backends.registry import facts_left
from harness.backends.session import Paths
from harness.base.errors import BrokenSetupError, HarnessError, LedgerDamagedError
from harness.base.host_errors import number_of
from harness.base.ids import ItemId
from harness.core.advance import stopped_by
from harness.core.decide import Stop
from harness.core.events import AttemptEnded
from harness.core.faults import classify
from harness.core.messages import Message, message
from harness.core.run_events import RunEnded
from harness.core.symptoms import Symptoms
from harness.core.types import Ending, Judgement, Rejected
from harness.core.work import Identity, Produced, Work
from harness.evaluation.cancellation import HaltedError
from harness.ledger import attempt_queries, reserve_file
from harness.ledger.attempt_queries import Unsettled
from harness.planning.work import work_of
from harness.supervisor.attempt import settle_as_judged, settle_end
from harness.supervisor.judgement import verdicts_on
from harness.supervisor.merger import Merger
from harness.supervisor.output_files import OutputFiles
from harness.supervisor.run_context import JobContext, RunContext
from harness.supervisor.stopping import Stopping


async def salvage_all(run: RunContext, files: OutputFiles, stopping: Stopping) -> None:
    """Settle every attempt that a lost supervisor left open."""
    await run.executor.sweep()
    for lost in attempt_queries.unsettled(run.ledger.db):
        work, ending = await salvage(run, lost)
        try:
            ended = await judge_and_settle(run, lost, work, ending)
        except HaltedError:
            return
        files.merger.note(work.batch.phase)
        if (reason := stopped_by(ended, rehearsal=run.job.rehearsal, instance=run.job.instance)) is not None:
            stopping.because(Stop("broken", reason))
            return


async def give_up(run: RunContext, merger: Merger, why: Message) -> None:
    """Let go of the reserve file, settle every open attempt, merge, and record that the run ended with exit code 4.

    As far as the disk takes it: what cannot be recorded now is settled at the next start. The sessions have ended.
    """
    reserve_file.let_go(run.job.home.reserve_file)
    with suppress(OSError, sqlite3.OperationalError):
        for lost in attempt_queries.unsettled(run.ledger.db):
            work, ending = await salvage(run, lost)
            try:
                await judge_and_settle(run, lost, work, ending)
            except (OSError, sqlite3.OperationalError) as error:  # no room for what it left: it goes again
                run.ledger.contents.forget()
                fault = classify(Symptoms(errno=number_of(error)))
                nothing = replace(ending, artifacts=(), output_faults=(), fault=fault)
                await judge_and_settle(run, lost, work, nothing)
        with suppress(OSError, HarnessError):
            await merger.merge_all()
        run.ledger.record(RunEnded(BrokenSetupError.exit_code, why=why))


async def salvage(run: RunContext, lost: Unsettled) -> tuple[Work, Ending]:
    """What an attempt had been given, and what it has left."""
    work = _work_again(run, lost)
    identity = Identity(lost.attempt, lost.token, lost.session_id, run.job.state / lost.folder)
    return work, await run.executor.salvage(identity, work)


async def judge_and_settle(run: JobContext, lost: Unsettled, work: Work, ending: Ending) -> AttemptEnded:
    """Judge what was frozen, and settle the attempt."""
    produced = Produced(ending.artifacts, ending.output_faults, run.job.state / lost.folder)
    return settle_as_judged(run, lost.attempt, work, ending, await verdicts_on(run, work, produced))


def settle_unjudgeable(run: JobContext, taken_back: Container[tuple[int, ItemId]]) -> None:
    """Settle as ones that left nothing those open attempts on these items of which it is lost what they had been given.

    What they left could be judged if a backup were restored: only for items (phase, id) that a person takes back.
    """
    for lost in attempt_queries.unsettled(run.ledger.db):
        if not any((lost.group.batch.phase, item) in taken_back for item in lost.group.items):
            continue
        try:
            _work_again(run, lost)
        except LedgerDamagedError as error:
            session = run.job.phase(lost.group.batch.phase).session
            facts = facts_left(session, lost.session_id, Paths.of(run.job.state / lost.folder))
            damaged = message("ledger_damaged", detail=error.message)
            unseen = Ending((), (), classify(Symptoms(lost=True)), facts, timedelta(0), (damaged,))
            nothing = {item: Rejected((), missing=True) for item in lost.group.items}
            settle_end(run, lost.attempt, unseen, Judgement(nothing, usable=False), {})


def _work_again(run: JobContext, lost: Unsettled) -> Work:
    if (run.job.state / lost.folder).is_symlink():  # what is tidied away must be its own
        raise LedgerDamagedError(f"{run.job.state / lost.folder} is a link; no version of harness has made that")
    return work_of(run.job, run.ledger.db, run.store, lost.group, lost.started_seq)
