"""The loop: take what came in, look at a small snapshot, start or wait or stop. It alone reads the inbox."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from harness.base.errors import first_of
from harness.core.decide import Start, Stop, Wait
from harness.core.messages import message
from harness.core.run_events import RunEnded, RunStarted
from harness.core.types import SessionEvent
from harness.ledger import group_queries, spool
from harness.planning.choice import choose
from harness.planning.job_plan import Agreed
from harness.supervisor.beginning import Beginning, take_over
from harness.supervisor.gatekeeper import Gatekeeper
from harness.supervisor.inbox import Due, Heard, Inbox, SessionEnded, StopAsked
from harness.supervisor.lost_attempts import salvage_all
from harness.supervisor.outcome import Finished, how_it_ended
from harness.supervisor.output_files import OutputFiles
from harness.supervisor.requests import Requests
from harness.supervisor.run_context import RunContext
from harness.supervisor.running_sessions import Sessions
from harness.supervisor.steps import Steps
from harness.supervisor.stopping import Stopping
from harness.supervisor.throttled import Throttled

_LONGEST_NAP_S = 30.0
"""The wall clock is looked at this often during a hold: monotonic time stands still while a machine sleeps."""


class Lock(Protocol):
    """The job's lock, as far as a run looks at it."""

    def is_in_place(self) -> bool:
        """False when another supervisor could take it. BrokenSetupError when the job's folder is gone: then all
        sessions end, and what they left is settled at the next start."""
        ...


class Loop:
    """One run of one job. The caller holds the job's lock and has planned or checked the ledger."""

    def __init__(
        self,
        run: RunContext,
        inbox: Inbox,
        files: OutputFiles,
        lock: Lock,
        on_event: Callable[[SessionEvent], None],
    ) -> None:
        """`on_event`: for display only."""
        self._run = run
        self._inbox = inbox
        self._files = files
        self._requests = Requests(run.job.home.control, run.ledger, run.shared_holds)
        self._lock = lock
        self._on_event = on_event
        self._tasks = asyncio.TaskGroup()
        self._sessions = Sessions(run, inbox, self._tasks)
        self._gatekeeper = Gatekeeper(run)
        self._stopping = Stopping(run, inbox)
        self._steps = Steps(run, self._sessions, self._gatekeeper, self._stopping, files)

    async def run(self, started: RunStarted, beginning: Beginning) -> Finished:
        """Run until nothing is left, or a stop. Leaves no session behind, however it ends."""
        self._inbox.open()
        try:
            async with self._tasks:
                roots = await self._begin(started, beginning)
                stop = await self._until_stop()
            await self._files.merger.merge_all()
            self._take_in()
        except BaseExceptionGroup as errors:
            raise first_of(errors) from errors
        finally:
            self._gatekeeper.end_probe()
            self._stopping.end()
            self._inbox.close()
        db, until = self._run.ledger.db, self._run.until
        last_phase = self._run.job.phase(until) if until is not None else None
        finished = how_it_ended(db, stop, self._stopping.exit_code, roots, last_phase)
        self._run.ledger.record(RunEnded(finished.exit_code, why=finished.message))
        self._files.progress.write_now()
        return finished

    # the beginning ------------------------------------------------------------------------------------------------

    async def _begin(self, started: RunStarted, beginning: Beginning) -> set[str] | None:
        """Bring the ledger up to date, in the order that people expect: what other jobs have, what a lost run left
        open, what was asked for meanwhile, and what this run is to look at. Returns the first-phase items that it is
        about; None = all."""
        if beginning.starts_nothing:
            self._stopping.because(Stop("operator", message("start_nothing")))
        else:
            await self._meanwhile(take_over(self._run, beginning, self._files))
        self._run.ledger.record(started)
        self._steps.selections.prepare()
        self._gatekeeper.begin()
        self._stopping.begin()
        await self._meanwhile(salvage_all(self._run, self._files, self._stopping))
        self._files.note(self._requests.take(self._stopping))
        self._steps.selections.make()
        if beginning.agreed != Agreed():
            self._files.note(sorted(beginning.agreed.record(self._run.ledger, spool.who_am_i())))
        roots = choose(self._run.ledger, beginning.choice)
        if self._stopping.reason is None and not group_queries.has_parked_groups(self._run.ledger.db):
            self._steps.pilot.begin()
        return roots

    async def _meanwhile(self, work: Coroutine[Any, Any, None]) -> None:
        """Let this be done, and hear whoever asks to stop."""
        task = self._tasks.create_task(work)
        task.add_done_callback(lambda _: self._inbox.put(Due()))
        while not task.done():
            await self._inbox.wait()
            self._take_in()

    # the loop -----------------------------------------------------------------------------------------------------

    async def _until_stop(self) -> Stop:
        while True:
            ended = self._take_in()
            self._look_outside()
            step = self._steps.next() if ended is None else self._steps.settle_and_next(ended)
            if step.spec is not None:
                self._sessions.begin(step.spec)
            if ended is not None and ended.judgement is not None:
                self._on_event(SessionEvent(ended.attempt, "settled"))
            self._gatekeeper.tell(step.decision, step.closed)
            match step.decision:
                case Stop(why="finished") if self._steps.pilot.is_on:
                    self._steps.judge_pilot()
                case Stop(why="finished") if self._steps.selections.problem is not None:
                    return Stop("broken", self._steps.selections.problem)
                case Stop() as stop:
                    return stop
                case Start():
                    await asyncio.sleep(0)  # the new session goes first, then the next look
                case Wait(until):
                    for throttled in self._files.due():
                        self._tasks.create_task(self._then_look(throttled))
                    await asyncio.sleep(0)
                    await self._nap(until)

    def _take_in(self) -> SessionEnded | None:
        """Everything that has come in, up to the next end of an attempt."""
        while (received := self._inbox.take()) is not None:
            match received:
                case SessionEnded():
                    return received
                case Heard(event):
                    self._heard(event)
                case StopAsked():
                    with suppress(sqlite3.OperationalError):  # it stops, although a full disk takes no entry of it
                        self._stopping.ask(received)
                case Due():
                    self._due(received)
        return None

    def _heard(self, event: SessionEvent) -> None:
        if (session := self._sessions.heard(event)) is not None:
            self._gatekeeper.answered(session.spec)
        self._steps.pilot.note_use(event.utilization)
        self._gatekeeper.used(event)
        self._on_event(event)

    def _due(self, due: Due) -> None:
        if due.what in ("interrupt", "terminate"):
            self._sessions.interrupt_all(hard=due.what == "terminate")
        elif due.what == "halt_judging" and self._run.stop_judging is not None:
            self._run.stop_judging()

    def _look_outside(self) -> None:
        """What comes from outside without a word, before every step: the folder, people, the clock."""
        if not self._lock.is_in_place():
            self._stopping.because(Stop("broken", message("lock_removed")))
        self._files.note(self._requests.take(self._stopping))
        self._stopping.look_at_the_clock()

    async def _then_look(self, throttled: Throttled) -> None:
        """What was noted while it was at work is due some time after; nobody else would say so."""
        await throttled.do()
        self._inbox.put(Due())

    async def _nap(self, until: datetime | None) -> None:
        """Until something comes in, the hold may be over, or a merge or the progress file is due."""
        naps = [self._files.next_in_s()]
        for moment in (until, self._stopping.deadline if self._stopping.reason is None else None):
            if moment is not None:
                naps.append(min(max((moment - self._run.clock.now()).total_seconds(), 0.0), _LONGEST_NAP_S))
        await self._inbox.wait(min((nap for nap in naps if nap is not None), default=None))
