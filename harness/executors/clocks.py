"""The clocks of a running session: which one runs out, and when a finished-looking session may be ended."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from harness.backends.activity import Pulse
from harness.base.clock import Clock, seconds_asleep
from harness.core.symptoms import WaitedFor
from harness.job.job import SessionSpec

STANDSTILL_S: Final = 120.0
"""Longer than any load of a machine was seen to delay a timer."""

_TICK_S = 30.0

ClockName = Literal["first_event", "silence", "timeout"]


@dataclass(frozen=True, slots=True)
class Expired:
    """A clock that ran out, and what the session was waiting for then."""

    clock: ClockName
    waited_for: WaitedFor


class Standstill:
    """Notices that this machine slept, or that this process was stopped or starved, while a session ran."""

    def __init__(self, longest_s: float = STANDSTILL_S, asleep: Callable[[], float] = seconds_asleep) -> None:
        self._longest_s = longest_s
        self._asleep = asleep
        self._asleep_before = asleep()
        self._is_noticed = False

    def begins(self, late_s: float) -> bool:
        """True once: when a timer woke so late, or the machine slept so long, that no clock can be trusted."""
        if self._is_noticed:
            return False
        self._is_noticed = late_s > self._longest_s or self.was()
        return self._is_noticed

    def was(self) -> bool:
        return self._is_noticed or self._asleep() - self._asleep_before > self._longest_s


async def until_expired(session: SessionSpec, pulse: Pulse, clock: Clock, standstill: Standstill) -> Expired:
    """Return when the first of a session's clocks runs out; never, when it has none.

    Sleeps until the earliest moment at which one could; signs of life in between only move that moment away. After the
    first standstill all of them begin anew, once.
    """
    while True:
        now = clock.monotonic()
        at, name = min(_due(session, pulse, now), default=(now + _TICK_S, None))
        if at <= now and name is not None:
            return Expired(name, pulse.blamed_for_timeout() if name == "timeout" else pulse.waits_for)
        nap = min(at - now, _TICK_S)
        await clock.sleep(nap)
        if standstill.begins(clock.monotonic() - now - nap):
            pulse.rebase()


async def until_quiet(span: timedelta, pulse: Pulse, clock: Clock) -> None:
    """Return when nothing has come from the session for `span`."""
    while (left := pulse.last + span.total_seconds() - clock.monotonic()) > 0:
        await clock.sleep(left)


def _due(session: SessionSpec, pulse: Pulse, now: float) -> Iterator[tuple[float, ClockName]]:
    """The earliest moment at which each clock could run out.

    Silence counts from the last event, but stands still before the first one and while a tool runs: then it could
    begin right now, at the earliest.
    """
    if session.timeout is not None:
        yield pulse.started + session.timeout.total_seconds(), "timeout"
    if not pulse.speaks:
        return
    is_starting = pulse.waits_for == "init"
    if is_starting and session.first_event is not None:
        yield pulse.last + session.first_event.total_seconds(), "first_event"
    if session.silence is not None:
        since = now if is_starting or pulse.tools else pulse.last
        yield since + session.silence.total_seconds(), "silence"
