"""The loop: look at a small snapshot, start or wait or stop; everything else happens in attempts and in the ledger."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from harness.base.clock import to_text
from harness.base.errors import LedgerDamagedError, UsageError, first_of
from harness.base.ids import AttemptId
from harness.core.advance import broken_machine
from harness.core.decide import Snapshot, Start, Stop, Wait, decide
from harness.core.events import AttemptEnded
from harness.core.gate import Closed, Passing, closed, too_long
from harness.core.messages import Message, message
from harness.core.money import to_micro
from harness.core.reserve import reservation
from harness.core.run_events import CancelAsked, RunEnded, RunStarted
from harness.core.types import SessionEvent
from harness.core.work import AttemptSpec, Produced
from harness.evaluation.cancellation import HaltedError
from harness.job.job import PhaseSpec
from harness.ledger import attempt_queries, group_queries
from harness.ledger.waiting_note import WaitingNote
from harness.planning.selections import Selections
from harness.supervisor import plan_pace
from harness.supervisor.attempt import (
    cap_reached,
    ending_of_a_broken_executor,
    judge_and_settle,
    salvage,
    settle_as_judged,
    start,
)
from harness.supervisor.gatekeeper import Door, says_usage_limit
from harness.supervisor.judgement import verdicts_on
from harness.supervisor.merger import Merger
from harness.supervisor.outcome import Finished, how_it_ended
from harness.supervisor.pilot import Pilot
from harness.supervisor.progress_writer import ProgressWriter
from harness.supervisor.requests import RequestDesk
from harness.supervisor.run_context import RunContext
from harness.supervisor.snapshot import Sight

_LAST_VERDICTS_S = 2.0
"""What judgements get when the run is to end now; what is not judged by then is at the next start."""

_LONGEST_NAP_S = 30.0
"""The wall clock is looked at this often during a hold: monotonic time stands still while a machine sleeps."""


@dataclass(slots=True)
class _Running:
    spec: AttemptSpec
    is_lead: bool
    has_answered: bool = False
    is_rejected: bool = False
    """A limit has refused it, and it has not ended yet: nothing starts until it is known what that means."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What was decided, what keeps the gate closed, and the session that begins when its start is committed."""

    decision: Start | Wait | Stop
    closed: Closed | None
    spec: AttemptSpec | None


class Supervisor:
    """One run of one job. The caller holds the job's lock and has planned or checked the ledger."""

    def __init__(
        self,
        run: RunContext,
        merger: Merger,
        progress: ProgressWriter,
        requests: RequestDesk,
        on_event: Callable[[SessionEvent], None],
        is_lock_in_place: Callable[[], bool],
    ) -> None:
        """`is_lock_in_place` is asked before every step and every settling. It raises BrokenSetupError when the job's
        folder is gone: then all sessions end, and what they left is settled at the next start."""
        self._run = run
        self._merger = merger
        self._progress = progress
        self._beside = ((merger.due_in_s, merger.merge_due), (progress.due_in_s, progress.write_due))
        self._requests = requests
        self._on_event = on_event
        self._is_lock_in_place = is_lock_in_place
        self._running: dict[AttemptId, _Running] = {}
        self._tasks = asyncio.TaskGroup()
        self._pilot = Pilot(run)
        self._selections = Selections(run.job, run.ledger)
        self._waiting = WaitingNote(run.job.state)
        self._starts: deque[datetime] = deque()
        self._deadline: datetime | None = None
        self._stop: Stop | None = None
        self._stops_asked = 0
        self._sight = Sight(run.ledger, run.job.state, run.until, is_made_up=run.job.answers_are_made_up)
        self._exit_code_of_stop = 130
        self._wake = asyncio.Event()
        self._door = Door(run, self._wake.set)
        self._timers: list[asyncio.TimerHandle] = []
        self._interrupting: set[asyncio.Future[None]] = set()

    # what others call -------------------------------------------------------------------------------------------

    async def run(self, started: RunStarted, choose: Callable[[], set[str] | None] = lambda: None) -> Finished:
        """Run until nothing is left, or a stop. Leaves no session behind, however it ends.

        `choose` parks what this run does not look at, once everything that was left open is settled, and what people
        had asked for before is queued; it returns the first-phase items that the run is about, None for all.
        """
        self._begin(started)
        try:
            await self._salvage()
            self._requests.take(self)
            self._selections.make()
            roots = choose()
            if self._stop is None and not group_queries.has_parked_groups(self._run.ledger.db):
                self._pilot.begin()
            async with self._tasks:
                stop = await self._loop()
        except BaseExceptionGroup as errors:
            raise first_of(errors) from errors
        finally:
            self._door.end_probe()
            for timer in self._timers:
                timer.cancel()
        await self._merger.merge_all()
        exit_code_of_stop = self._exit_code_of_stop if self.is_ending_now() else 3
        finished = how_it_ended(self._run.ledger.db, stop, exit_code_of_stop, roots, self._last_phase())
        self._run.ledger.record(RunEnded(finished.exit_code, why=finished.message))
        self._progress.write_now()
        return finished

    def ask_stop(self, why: Message, *, now: bool = False, exit_code: int = 130) -> None:
        """Start nothing more and give sessions the grace; asked again, or `now`: end them at once, with `exit_code`."""
        last_verdicts_s = 0.0 if self.is_ending_now() else _LAST_VERDICTS_S
        self._stops_asked += 2 if now else 1
        self._exit_code_of_stop = exit_code
        at_once, grace_s = self.is_ending_now(), self._run.job.grace.total_seconds()
        self._stop = self._stop or Stop("operator", why)
        if at_once:
            self._interrupt_all(hard=True)
            if self._run.stop_judging is not None:
                self._later(last_verdicts_s, self._run.stop_judging)
        else:
            self._later(grace_s, partial(self._interrupt_all, hard=False))
        self.wake()
        asked = CancelAsked(why.facts.get("who", ""), at_once, None if at_once else grace_s, why)
        self._run.ledger.record(asked)  # last: a disk may be full

    def start_nothing(self) -> None:
        """Before `run`: it settles what was left open, and stops."""
        self._stop = Stop("operator", message("start_nothing"))

    def wake(self) -> None:
        """Something happened: look again."""
        self._wake.set()

    def is_ending_now(self) -> bool:
        """A second stop was asked for."""
        return self._stops_asked > 1

    # the loop ---------------------------------------------------------------------------------------------------

    def _begin(self, started: RunStarted) -> None:
        self._run.ledger.record(started)
        self._selections.prepare()
        job, db, now = self._run.job, self._run.ledger.db, self._run.clock.now()
        self._door.open()
        self._deadline = job.gate.deadline.moment(now) if job.gate.deadline else None
        remembered = max(1, job.gate.rate.starts if job.gate.rate else 1)
        self._starts = deque(attempt_queries.last_starts(db, remembered), maxlen=remembered)
        self._waiting.forget()

    async def _salvage(self) -> None:
        """Settle every attempt that a lost supervisor left open, from its folder; a valid file counts."""
        await self._run.executor.sweep()
        for lost in attempt_queries.unsettled(self._run.ledger.db):
            spec, ending = await salvage(self._run, lost)
            try:
                await judge_and_settle(self._run, spec, ending)
            except HaltedError:
                return
            self._merger.note(spec.work.batch.phase)
            if (reason := attempt_queries.stopped_by(self._run.ledger.db, spec.id)) is not None:
                self._stop = self._stop or Stop("broken", reason)
                return

    async def _loop(self) -> Stop:
        while True:
            self._wake.clear()
            self._heed()
            step = self._step()
            self._begin_session(step)
            self._waiting.tell(step.closed if isinstance(step.decision, Wait) and step.decision.until else None)
            match step.decision:
                case Stop(why="finished") if self._pilot.is_on:
                    self._judge_pilot()
                case Stop(why="finished") if self._selections.trouble is not None:
                    return Stop("broken", self._selections.trouble)
                case Stop() as stop:
                    return stop
                case Start():
                    await asyncio.sleep(0)
                case Wait(until):
                    for due_in_s, work in self._beside:
                        if due_in_s() == 0.0:
                            self._tasks.create_task(self._then_look(work))
                    await asyncio.sleep(0)
                    await self._nap(until)

    def _heed(self) -> None:
        """What comes from outside, before every step: the folder, people, the clock."""
        self._is_lock_in_place()
        self._requests.take(self)
        if self._deadline is not None and self._run.clock.now() >= self._deadline and self._stop is None:
            is_date = self._run.job.gate.deadline is not None and self._run.job.gate.deadline.is_date
            self.ask_stop(message("deadline", deadline=to_text(self._deadline), is_date=is_date))

    def _step(self) -> _Step:
        """Look, decide, and record the start if that is it."""
        snapshot = self._snapshot()
        decision = decide(snapshot)
        if isinstance(decision, Start) and (elsewhere := self._door.probed_elsewhere()):
            return _Step(Wait(elsewhere.until, elsewhere.why), elsewhere, None)
        spec = self._start(is_lead=decision.lead) if isinstance(decision, Start) else None
        return _Step(decision, snapshot.closed, spec)

    async def _then_look(self, work: Callable[[], Awaitable[None]]) -> None:
        """What was noted while it was at work is due some time after; nobody else would say so."""
        await work()
        self.wake()

    def _judge_pilot(self) -> None:
        judged = self._pilot.judge(self._deadline)
        self._progress.note()
        if not judged.is_good and self._sight.now().group is not None:
            self._stop = Stop("late", message("pilot_failed", accepted=judged.accepted, of=judged.of))

    def _snapshot(self) -> Snapshot:
        job, seen = self._run.job, self._sight.now()
        group, state, money = seen.group, seen.state, seen.money
        now = self._run.clock.now()
        hold = self._run.hold(state.hold, now)
        passing = Passing(job.gate, hold, self._starts, self._door.is_ramping, self._deadline)
        closing = closed(passing, now)
        is_full = False
        if group is not None:
            slower = plan_pace.closed(job, self._run.ledger, group.batch.phase, now)
            closing = max((each for each in (closing, slower) if each), key=lambda each: each.until, default=None)
            is_full = plan_pace.is_full(
                self._run.ledger, group.batch.phase, (each.spec.work.batch for each in self._running.values())
            )
        return Snapshot(
            next_group=group.id if group else None,
            reservation_microusd=reservation(job, job.phase(group.batch.phase)) if group else 0,
            needs_lead=group is not None and self._door.needs_lead(group.batch.phase),
            lead_in_flight=self._is_led(),
            running=len(self._running),
            allowed=0 if is_full or self._is_rejected() else self._door.gate.allowed,
            closed=closing,
            hopeless=too_long(closing, self._deadline, now) if closing else None,
            cap_reached=cap_reached(job, state.used, len(self._running), group.batch.phase) if group else None,
            paused=state.paused,
            spent_microusd=money.spent,
            reserved_microusd=money.reserved,
            budget_microusd=to_micro(job.budget) if job.budget is not None else None,
            stop=self._stop or self._broken(),
        )

    def _is_led(self) -> bool:
        return any(each.is_lead and not each.has_answered for each in self._running.values())

    def _is_rejected(self) -> bool:
        return any(each.is_rejected for each in self._running.values())

    def _last_phase(self) -> PhaseSpec | None:
        return self._run.job.phase(self._run.until) if self._run.until is not None else None

    def _broken(self) -> Stop | None:
        if not self._is_lock_in_place():
            return Stop("broken", message("lock_removed"))
        return Stop("broken", reason) if (reason := self._sight.now().broken) else None

    async def _nap(self, until: datetime | None) -> None:
        """Until something happens, the hold may be over, or a merge or the progress file is due."""
        naps = [due_in_s() for due_in_s, _ in self._beside]
        for moment in (until, self._deadline if self._stop is None else None):
            if moment is not None:
                naps.append(min(max((moment - self._run.clock.now()).total_seconds(), 0.0), _LONGEST_NAP_S))
        soonest = min((nap for nap in naps if nap is not None), default=None)
        with suppress(TimeoutError):
            async with asyncio.timeout(soonest):
                await self._wake.wait()

    # one attempt ------------------------------------------------------------------------------------------------

    def _start(self, *, is_lead: bool) -> AttemptSpec | None:
        group = self._sight.now().group
        assert group is not None, "decided to start a group that is not there"
        try:
            is_another = group_queries.is_another_ready(self._run.ledger.db, self._run.until)
            others_wait = is_lead and self._door.gate.parallel > 1 and is_another
            spec = start(self._run, group, lead=others_wait)
        except UsageError as error:  # the template asks for what these items do not have
            self._stop = self._stop or Stop("broken", message("prompt_broken", detail=error.message))
            return None
        self._running[spec.id] = _Running(spec, is_lead)
        self._starts.append(self._run.clock.now())
        return spec

    def _begin_session(self, step: _Step) -> None:
        """Only when its start is committed: a task that was made takes its first step whatever becomes of that."""
        if step.spec is not None:
            self._tasks.create_task(self._play(step.spec), name=f"attempt {step.spec.id}")

    async def _play(self, spec: AttemptSpec) -> None:
        try:
            ending = await self._run.executor.run(spec, self._heard)
        except Exception as error:  # the edge of an attempt: a bug in an executor costs no item anything
            ending = ending_of_a_broken_executor(error)
        try:
            produced = Produced(ending.artifacts, ending.output_faults, spec.folder)
            judgement = await verdicts_on(self._run, spec.work, produced)
        except HaltedError:  # it stays open; the next start judges what is frozen
            del self._running[spec.id]
            self.wake()
            return
        self._heed()
        with self._run.ledger.joined():  # who takes its place is in the same transaction: a sync less for each
            ended = settle_as_judged(self._run, spec, ending, judgement)
            self._settled(spec, ended, reached_model=ending.facts.reached_model)
            step = self._step_unless_damaged()
        if isinstance(step, LedgerDamagedError):
            raise step
        self._begin_session(step)
        if says_usage_limit(ended):
            self._run.share_hold()
        if not self._is_led():
            self._door.end_probe()
        self._on_event(SessionEvent(spec.id, "settled"))
        await asyncio.sleep(0)  # the new session goes first, then the next look
        self.wake()

    def _step_unless_damaged(self) -> _Step | LedgerDamagedError:
        """What the next one needs may be lost: whoever has ended is settled all the same."""
        try:
            return self._step()
        except LedgerDamagedError as error:
            return error

    def _heard(self, event: SessionEvent) -> None:
        running = self._running.get(event.attempt)
        if running is not None and event.kind == "responded" and not running.has_answered:
            running.has_answered = True
            self._door.answered(running.spec)
        if running is not None:
            running.is_rejected = (running.is_rejected or event.is_rejected) and event.kind != "tool"
        self._pilot.note_use(event.utilization)
        self._door.used(event)
        self._on_event(event)

    def _settled(self, spec: AttemptSpec, ended: AttemptEnded, *, reached_model: bool) -> None:
        """What follows from what was recorded, never from what the session itself said."""
        del self._running[spec.id]
        self._door.ended(spec, ended, reached_model=reached_model)
        stopped_by = attempt_queries.stopped_by(self._run.ledger.db, spec.id)
        if stopped_by is not None and not self._door.is_probed_once_more(ended, self._running):
            self._stop = self._stop or Stop("broken", stopped_by)
        if ended.blame == "host" and (broken := broken_machine(attempt_queries.newest_ended(self._run.ledger.db))):
            self._stop = self._stop or Stop("broken", broken)
        self._selections.make()
        self._merger.note(spec.work.batch.phase)
        self._progress.note()

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, call))

    def _interrupt_all(self, *, hard: bool) -> None:
        for running in self._running.values():
            task = asyncio.ensure_future(self._run.executor.interrupt(running.spec.token, hard=hard))
            self._interrupting.add(task)
            task.add_done_callback(self._interrupting.discard)
