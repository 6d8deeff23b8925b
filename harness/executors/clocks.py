"""The clocks of a running session: which one runs out, and when a finished-looking session may be ended."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from harness.backends.pulse import Pulse
from harness.base.clock import Clock
from harness.core.symptoms import WaitedFor
from harness.job.job import SessionSpec

ClockName = Literal["first_event", "silence", "timeout"]


@dataclass(frozen=True, slots=True)
class Expired:
    """A clock that ran out, and what the session was waiting for then."""

    clock: ClockName
    waited_for: WaitedFor


async def until_expired(session: SessionSpec, pulse: Pulse, clock: Clock) -> Expired:
    """Return when the first of a session's clocks runs out; never, when it has none.

    Sleeps until the earliest moment at which one could; signs of life in between only move that moment away.
    """
    while True:
        now = clock.monotonic()
        due = list(_due(session, pulse, now))
        if not due:
            await asyncio.Event().wait()
        at, name = min(due)
        if at <= now:
            return Expired(name, pulse.blamed_for_timeout() if name == "timeout" else pulse.waits_for)
        await clock.sleep(at - now)


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
