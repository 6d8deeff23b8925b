"""The sessions of a run: each is started, played and judged in a task of its own, and ends as a value in the inbox."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from harness.base.ids import AttemptId
from harness.core.types import SessionEvent
from harness.core.work import AttemptSpec, Produced
from harness.evaluation.cancellation import HaltedError
from harness.ledger.group_queries import ReadyGroup
from harness.supervisor.attempt import ending_of_a_broken_executor, start
from harness.supervisor.inbox import Heard, Inbox, SessionEnded
from harness.supervisor.run_context import RunContext
from harness.supervisor.snapshot import Running


@dataclass(slots=True)
class RunningSession:
    """One that was started and has not been settled."""

    spec: AttemptSpec
    is_lead: bool
    has_answered: bool = False
    is_rejected: bool = False
    """A limit has refused it, and it has not ended yet: nothing starts until it is known what that means."""


class Sessions:
    """Knows what runs. Decides nothing."""

    def __init__(self, run: RunContext, inbox: Inbox, tasks: asyncio.TaskGroup) -> None:
        """Sessions are tasks of `tasks`: they end with it."""
        self._run = run
        self._inbox = inbox
        self._tasks = tasks
        self._open: dict[AttemptId, RunningSession] = {}
        self._interrupting: set[asyncio.Future[None]] = set()

    def __iter__(self) -> Iterator[AttemptId]:
        return iter(self._open)

    def running(self) -> Running:
        """What runs, as far as the next start depends on it."""
        return Running(
            tuple(each.spec.work.batch for each in self._open.values()),
            is_led=any(each.is_lead and not each.has_answered for each in self._open.values()),
            is_rejected=any(each.is_rejected for each in self._open.values()),
        )

    def start(self, attempt: AttemptId, group: ReadyGroup, *, is_lead: bool, others_wait: bool) -> AttemptSpec:
        """Record the start; the session begins by `begin`. UsageError when there is no prompt for these items."""
        spec = start(self._run, attempt, group, lead=others_wait)
        self._open[spec.id] = RunningSession(spec, is_lead)
        return spec

    def begin(self, spec: AttemptSpec) -> None:
        """Only when its start is committed: a task that was made takes its first step whatever becomes of that."""
        self._tasks.create_task(self._play(spec), name=f"attempt {spec.id}")

    def heard(self, event: SessionEvent) -> RunningSession | None:
        """Take note of a sign of life; the session, when it was its first answer."""
        session = self._open.get(event.attempt)
        if session is None:
            return None
        session.is_rejected = (session.is_rejected or event.is_rejected) and event.kind != "tool"
        is_first = event.kind == "responded" and not session.has_answered
        session.has_answered |= is_first
        return session if is_first else None

    def ended(self, attempt: AttemptId) -> RunningSession:
        """It runs no more."""
        return self._open.pop(attempt)

    def interrupt_all(self, *, hard: bool) -> None:
        """Ask all to end soon, or end them at once."""
        for session in self._open.values():
            task = asyncio.ensure_future(self._run.executor.interrupt(session.spec.token, hard=hard))
            self._interrupting.add(task)
            task.add_done_callback(self._interrupting.discard)

    async def _play(self, spec: AttemptSpec) -> None:
        try:
            ending = await self._run.executor.run(spec, lambda event: self._inbox.put(Heard(event)))
        except Exception as error:  # the edge of an attempt: a bug in an executor costs no item anything
            ending = ending_of_a_broken_executor(error)
        try:
            produced = Produced(ending.artifacts, ending.output_faults, spec.folder)
            judgement = await self._run.judge(self._run.store, spec.work, produced)
        except HaltedError:
            judgement = None
        self._inbox.put(SessionEnded(spec.id, ending, judgement))
