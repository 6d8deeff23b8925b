"""One run from the lock to the exit code: puts the parts together and takes them apart again."""

import asyncio
import os
import socket
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from harness import __version__
from harness.base.clock import Clock, SystemClock
from harness.base.errors import BrokenSetupError, HarnessError, LedgerDamagedError
from harness.base.host_errors import in_words, is_of_the_machine
from harness.base.job_home import JobHome
from harness.core.messages import message
from harness.core.money import to_micro
from harness.core.run_events import RunEnded, RunStarted
from harness.core.types import SessionEvent
from harness.executors.containment import choose as choose_containment
from harness.executors.host import Host, host_of_run
from harness.executors.sandbox import Containment
from harness.job.derived import DERIVED
from harness.job.job import Job
from harness.ledger import spool
from harness.ledger.lock import JobLock
from harness.ledger.verification import refused
from harness.supervisor.beginning import Beginning
from harness.supervisor.held_state import HeldState
from harness.supervisor.inbox import Due, Inbox, StopAsked
from harness.supervisor.loop import Loop
from harness.supervisor.lost_attempts import give_up
from harness.supervisor.merger import Merger
from harness.supervisor.opening import Opened, opened
from harness.supervisor.outcome import Finished
from harness.supervisor.output_files import OutputFiles
from harness.supervisor.progress_paths import ProgressPaths
from harness.supervisor.progress_writer import ProgressWriter
from harness.supervisor.run_context import RunContext
from harness.supervisor.run_options import RunOptions

_LOOK_S = 5.0


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
    UsageError, BrokenSetupError, JobHeldError or LedgerDamagedError before anything is started.
    """
    inbox = inbox or Inbox()
    try:
        playing = _run_held(job, options, choose_containment(job), on_event, inbox, on_commit)
        return await _asked_to_stop_when_cancelled(asyncio.create_task(playing), inbox)
    except (OSError, sqlite3.DatabaseError, RuntimeError, MemoryError) as error:
        problem = as_refusal(job.home, error)
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
            inbox.put(StopAsked(message("stopped_by", who="the program that ran it")))
    if cancelled is not None:
        raise cancelled from (None if playing.cancelled() else playing.exception())
    return playing.result()


def as_refusal(home: JobHome, error: Exception) -> HarnessError | None:
    """What the machine or the ledger's file did, for people; None: it is a fault of this program."""
    if isinstance(error, HarnessError):
        return error
    if type(error) is sqlite3.DatabaseError:
        return refused(home.ledger, error)
    return in_words(error, home.root) if is_of_the_machine(error) else None


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
    with HeldState(job, clock) as state:
        async with host_of_run(job, containment) as host:
            found = await _beside_the_loop(partial(opened, job, options, host.bounded, clock))
            if isinstance(found, Finished):
                return found
            with found.context.ledger as ledger:
                if on_commit is not None:
                    ledger.after_commit(on_commit)
                run = _run_context(host, found, options)
                beginning = Beginning(options.choice, found.agreed, starts_nothing=options.settle_only)
                loop = Loop(run, inbox, _output_files(run), state.lock, on_event)
                return await _watched(run, inbox, state.lock, loop.run(_started(host, options), beginning))


async def _beside_the_loop(opening: Callable[[], Opened | Finished]) -> Opened | Finished:
    """In a thread, so that other tasks of the loop go on. Cancelled, it is waited for: until it is over, the lock must
    be held."""
    future = asyncio.get_running_loop().run_in_executor(None, opening)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({future})
        if future.exception() is None and isinstance(found := future.result(), Opened):
            found.context.ledger.close()
        raise


def _run_context(host: Host, found: Opened, options: RunOptions) -> RunContext:
    job = found.context
    return RunContext(
        job.job,
        job.ledger,
        job.store,
        job.clock,
        job.judge,
        job.duplicate_ids,
        host.executor(job.store, job.clock, job.judge, options.credential),
        found.shared_holds,
        options.credential,
        host.bounded.halt.call,
        until=job.until,
    )


def _started(host: Host, options: RunOptions) -> RunStarted:
    job, credential = host.job, options.credential
    return RunStarted(
        pid=os.getpid(),
        host=socket.gethostname(),
        version=__version__,
        parallel=job.parallel,
        budget_microusd=to_micro(job.budget) if job.budget is not None else None,
        sandbox=host.containment.describe(),
        credential=credential.describe() if credential else "none",
        awake=host.kept_awake,
        derived=dict(DERIVED),
        until=options.choice.until or "",
    )


def _output_files(run: RunContext) -> OutputFiles:
    paths = ProgressPaths.of(run.job)
    return OutputFiles(Merger(run), ProgressWriter(paths.progress, run.ledger, run.clock, errors_path=paths.errors))


async def _watched(run: RunContext, inbox: Inbox, lock: JobLock, playing: Coroutine[Any, Any, Finished]) -> Finished:
    """Play it, and wake it for what happens outside."""
    home = run.job.home
    beside = [asyncio.create_task(_listen(home, inbox)), asyncio.create_task(_look_around(run.clock, inbox))]
    if run.supply is not None:
        beside.append(asyncio.create_task(run.supply.tend(run.clock, partial(inbox.put, Due()))))
    try:
        return await playing
    except (OSError, sqlite3.DatabaseError, RuntimeError, MemoryError, BrokenSetupError) as error:
        lock.is_in_place()  # BrokenSetupError where nothing may be written any more
        problem = as_refusal(home, error)
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


async def _listen(home: JobHome, inbox: Inbox) -> None:
    """Let the loop look when something comes into the control spool."""
    async for _ in spool.arrivals(home.control):
        inbox.put(Due())
