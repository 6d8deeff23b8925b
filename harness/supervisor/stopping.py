"""How far the stop of a run has gone: why, until when sessions have their grace, and the exit code."""

import asyncio
from datetime import datetime
from enum import IntEnum

from harness.base.clock import to_text
from harness.core.decide import Stop
from harness.core.messages import message
from harness.core.run_events import CancelAsked
from harness.supervisor.inbox import Due, Inbox, StopAsked
from harness.supervisor.run_context import RunContext

_LAST_VERDICTS_S = 2.0
"""For judgements, when the run is to end at once; what is not judged by then is judged at the next start."""


class Extent(IntEnum):
    """How much of a run a stop has ended. Each request goes one further."""

    NOTHING = 0
    STARTS = 1
    """Nothing more starts; running sessions have the grace."""
    SESSIONS = 2
    """Sessions are ended at once, and what they left is judged, for two seconds."""
    JUDGING = 3


class Stopping:
    """Takes requests to stop. What has to be done about it at its time comes into the inbox."""

    def __init__(self, run: RunContext, inbox: Inbox) -> None:
        self._run = run
        self._inbox = inbox
        self._exit_code = 130
        self._timers: list[asyncio.TimerHandle] = []
        self.extent = Extent.NOTHING
        self.reason: Stop | None = None
        """The first reason is the one that counts."""
        self.deadline: datetime | None = None

    def begin(self) -> None:
        """The run begins now."""
        deadline = self._run.job.gate.deadline
        self.deadline = deadline.moment(self._run.clock.now()) if deadline else None

    def because(self, stop: Stop) -> None:
        """The run stops, as soon as running sessions have ended by themselves."""
        self.reason = self.reason or stop

    def ask(self, asked: StopAsked) -> None:
        """Start nothing more and give sessions the grace; asked again, or `now`: end them at once."""
        was_ending = self.extent >= Extent.SESSIONS
        self.extent = Extent.JUDGING if was_ending else Extent.SESSIONS if asked.now or self.extent else Extent.STARTS
        self._exit_code = asked.exit_code
        self.because(Stop("operator", asked.why))
        at_once, grace_s = self.extent >= Extent.SESSIONS, self._run.job.grace.total_seconds()
        if at_once:
            self._inbox.put(Due("terminate"))
            self._later(0.0 if was_ending else _LAST_VERDICTS_S, Due("halt_judging"))
        else:
            self._later(grace_s, Due("interrupt"))
        recorded = CancelAsked(asked.why.facts.get("who", ""), at_once, None if at_once else grace_s, asked.why)
        self._run.ledger.record(recorded)  # last: a disk may be full

    def look_at_the_clock(self) -> None:
        """A deadline that is over is a request to stop."""
        if self.deadline is not None and self._run.clock.now() >= self.deadline and self.reason is None:
            asked = self._run.job.gate.deadline
            is_date = asked is not None and asked.is_date
            self.ask(StopAsked(message("deadline", deadline=to_text(self.deadline), is_date=is_date)))

    @property
    def exit_code(self) -> int:
        """Of a run that ends for a request to stop."""
        return self._exit_code if self.extent >= Extent.SESSIONS else 3

    def end(self) -> None:
        """The run is over."""
        for timer in self._timers:
            timer.cancel()

    def _later(self, seconds: float, due: Due) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self._inbox.put, due))
