"""One run from the lock to the exit code: puts the parts together and takes them apart again."""

import asyncio
import os
import socket
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from harness import __version__
from harness.backends.credentials import Supply
from harness.base.artifacts import ArtifactStore
from harness.base.clock import Clock, SystemClock
from harness.base.errors import BrokenSetupError, HarnessError, LedgerDamagedError
from harness.base.host_errors import in_words, is_of_the_machine
from harness.base.marks import STATE_MARK, lock_limit, of_job, state_digest
from harness.base.termination import end_found
from harness.core.messages import message
from harness.core.money import to_micro
from harness.core.run_events import RunEnded, RunStarted
from harness.core.types import SessionEvent
from harness.core.work import Produced, Work
from harness.evaluation.bounded import Bounded
from harness.evaluation.cancellation import HaltedError
from harness.executors.check_bubblewrap import sandboxes_of
from harness.executors.containment import choose as choose_containment
from harness.executors.guardian import Guardian
from harness.executors.keep_awake import Awake
from harness.executors.local import LocalExecutor
from harness.executors.preflight import preflight
from harness.executors.retention import Keeping
from harness.executors.running_attempt import Tools
from harness.executors.sandbox import Containment
from harness.job.derived import DERIVED
from harness.job.job import Job
from harness.ledger import reserve_file, spool
from harness.ledger.lock import JobLock
from harness.ledger.shared_holds import SharedHolds
from harness.ledger.store import Ledger
from harness.ledger.verification import refused
from harness.planning.choice import Choice
from harness.planning.job_plan import Agreed, plan_or_check
from harness.planning.output_targets import refuse_claimed_targets
from harness.planning.preconditions import Again, Look
from harness.supervisor.beginning import Beginning
from harness.supervisor.duplicate_ids import DuplicateIds
from harness.supervisor.finished_job import at_rest
from harness.supervisor.housekeeping import errors_path, give_up, progress_path, reserve_path, tidy
from harness.supervisor.inbox import Asked, Due, Inbox
from harness.supervisor.judgement import judge_in
from harness.supervisor.key_values import keys_of
from harness.supervisor.loop import Loop
from harness.supervisor.merger import Merger
from harness.supervisor.outcome import Finished
from harness.supervisor.output_files import OutputFiles
from harness.supervisor.progress_writer import ProgressWriter
from harness.supervisor.run_context import RunContext
from harness.supervisor.state_folder import make_state_folder, open_ledger
from harness.workspaces.kinds import workspace_of

_LOOK_S = 5.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a person chose for this run. `credential` is None when no phase needs one."""

    credential: Supply | None
    choice: Choice = field(default_factory=Choice)
    again: Again = field(default_factory=Again)
    shared_state: Path | None = None
    """Folder of this user where jobs on the same credential see each other's holds; None = beside the job."""
    settle_only: bool = False
    """Settle what a lost run left open, bring the outputs up to date, and start nothing."""


Play = Callable[[Job, RunOptions], Finished]
"""Plays a job to its end with an event loop of its own, for callers that have none: `cli.run_to_end`."""


async def run_job(
    job: Job,
    options: RunOptions,
    on_event: Callable[[SessionEvent], None],
    inbox: Inbox | None = None,
    on_commit: Callable[[int], None] | None = None,
) -> Finished:
    """Run a job until it is finished, or stopped by what comes into `inbox`. Installs no signal handler.

    Cancelled, it is asked to stop: nothing more starts, sessions have their grace, and CancelledError comes when all of
    it is recorded; cancelled again, sessions are ended at once. `on_commit`: see `Ledger.after_commit`. Raises
    UsageError, BrokenSetupError, JobHeldError or LedgerDamagedError before anything is started. Blocks its event loop
    while it plans.
    """
    containment = choose_containment(job)
    inbox = inbox or Inbox()
    try:
        playing = asyncio.create_task(_run_held(job, options, containment, on_event, inbox, on_commit))
        return await _asked_to_stop_when_cancelled(playing, inbox)
    except (OSError, sqlite3.DatabaseError, RuntimeError, MemoryError) as error:
        problem = as_refusal(job, error)
        if problem is None:
            raise
        raise problem from error


async def _asked_to_stop_when_cancelled(playing: asyncio.Task[Finished], inbox: Inbox) -> Finished:
    cancelled: asyncio.CancelledError | None = None
    while not playing.done():
        try:
            await asyncio.wait({playing})
        except asyncio.CancelledError as error:
            cancelled = error
            inbox.put(Asked(message("stopped_by", who="the program that ran it")))
    if cancelled is not None:
        raise cancelled from (None if playing.cancelled() else playing.exception())
    return playing.result()


def as_refusal(job: Job, error: Exception) -> HarnessError | None:
    """What the machine or the ledger's file did, for people; None: it is a fault of this program."""
    if isinstance(error, HarnessError):
        return error
    if type(error) is sqlite3.DatabaseError:
        return refused(job.home.ledger, error)
    return in_words(error, job.state) if is_of_the_machine(error) else None


async def _run_held(
    job: Job,
    options: RunOptions,
    containment: Containment,
    on_event: Callable[[SessionEvent], None],
    inbox: Inbox,
    on_commit: Callable[[int], None] | None,
) -> Finished:
    """With the job's lock, and with nothing left of a run that was killed."""
    clock = SystemClock()
    make_state_folder(job)
    with (
        JobLock(job.home.lock, clock) as lock,
        Awake("a job is running") as awake,
        Guardian() as guardian,
    ):
        spool.forget_cancels(job.home.control)
        tidy(job)
        reserve_file.lay(reserve_path(job))
        await preflight(containment, job, guardian)
        marks = {STATE_MARK: state_digest(job.state), **guardian.mark}
        bounded = Bounded(
            lock_limit=lock_limit(marks), sandboxes=sandboxes_of(containment, job), variables=keys_of(job)
        )
        try:
            with open_ledger(job, clock) as ledger, closing(bounded):
                if on_commit is not None:
                    ledger.after_commit(on_commit)
                refuse_claimed_targets(job, options.shared_state or job.state.parent / ".shared")
                look = Look(clock.now(), bounded)
                agreed = plan_or_check(job, ledger, look, options.again, options.choice)
                if agreed == Agreed() and not options.settle_only and (rest := at_rest(job, ledger, options.choice)):
                    return rest
                run = _run_context(job, ledger, bounded, clock, containment, guardian, options)
                started = _started(job, containment, options, awake)
                beginning = Beginning(options.choice, agreed, starts_nothing=options.settle_only)
                loop = Loop(run, inbox, _output_files(run), lock, on_event)
                return await _watched(run, inbox, lock, loop.run(started, beginning))
        finally:
            await end_found(lambda: of_job(job.state), 0)  # what checks have left behind


def _run_context(
    job: Job,
    ledger: Ledger,
    bounded: Bounded,
    clock: Clock,
    containment: Containment,
    guardian: Guardian,
    options: RunOptions,
) -> RunContext:
    credential = options.credential
    store = ArtifactStore(job.home.artifacts, ledger.contents)
    judged_in, workspace = judge_in(job, bounded), workspace_of(job)

    async def is_complete(glance: ArtifactStore, work: Work, produced: Produced) -> bool:
        try:
            return (await judged_in(glance, work, produced)).is_complete()
        except HaltedError:
            return False

    executor = LocalExecutor(
        job=job,
        tools=Tools(store, clock, is_complete, workspace, keeping=Keeping(job.home.attempts, workspace)),
        containment=containment,
        guardian=guardian,
        credential=credential,
    )
    shared = options.shared_state or job.state / "holds"
    holds = SharedHolds(shared, credential.fingerprint, job.name) if credential else None
    judge, duplicates, until = partial(judged_in, store), DuplicateIds(job, ledger), options.choice.until
    halt = bounded.halt.call
    last = next((phase.number for phase in job.phases if phase.name == until), None)
    return RunContext(job, ledger, store, clock, judge, duplicates, executor, holds, credential, halt, until=last)


def _started(job: Job, containment: Containment, options: RunOptions, awake: Awake) -> RunStarted:
    credential = options.credential
    return RunStarted(
        pid=os.getpid(),
        host=socket.gethostname(),
        version=__version__,
        parallel=job.parallel,
        budget_microusd=to_micro(job.budget) if job.budget is not None else None,
        sandbox=containment.describe(),
        credential=credential.describe() if credential else "none",
        awake=awake.describe(),
        derived=dict(DERIVED),
        until=options.choice.until or "",
    )


def _output_files(run: RunContext) -> OutputFiles:
    job = run.job
    progress = ProgressWriter(progress_path(job), run.ledger, run.clock, errors_path=errors_path(job))
    return OutputFiles(Merger(run), progress)


async def _watched(run: RunContext, inbox: Inbox, lock: JobLock, playing: Coroutine[Any, Any, Finished]) -> Finished:
    """Play it, and wake it for what happens outside."""
    job = run.job
    beside = [asyncio.create_task(_listen(job, inbox)), asyncio.create_task(_look_around(run.clock, inbox))]
    if run.supply is not None:
        beside.append(asyncio.create_task(run.supply.tend(run.clock, partial(inbox.put, Due()))))
    try:
        return await playing
    except (OSError, sqlite3.DatabaseError, RuntimeError, MemoryError, BrokenSetupError) as error:
        lock.is_in_place()  # BrokenSetupError where nothing may be written any more
        problem = as_refusal(job, error)
        if problem is not None and problem.exit_code == BrokenSetupError.exit_code:
            await give_up(run, Merger(run), message("host_error", detail=problem.message))
        raise
    except LedgerDamagedError as error:  # of a content: the entries were walked when the ledger was opened
        with suppress(sqlite3.DatabaseError):
            run.ledger.record(RunEnded(error.exit_code, why=message("ledger_damaged", detail=error.message)))
        raise
    finally:
        for task in beside:
            task.cancel()
        if run.stop_judging is not None:  # a thread that is still at it would keep this process
            run.stop_judging()


async def _look_around(clock: Clock, inbox: Inbox) -> None:
    """No event tells that one of the folders above was moved: the loop looks for itself now and then."""
    while True:
        await clock.sleep(_LOOK_S)
        inbox.put(Due())


async def _listen(job: Job, inbox: Inbox) -> None:
    """Let the loop look when something comes into the control spool."""
    async for _ in spool.arrivals(job.home.control):
        inbox.put(Due())
