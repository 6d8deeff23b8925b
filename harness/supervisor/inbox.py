"""The inbox of a run: sessions, people, timers and folders put small values in; only the loop takes them out."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from harness.base.ids import AttemptId
from harness.core.messages import Message
from harness.core.types import Ending, Judgement, SessionEvent


@dataclass(frozen=True, slots=True)
class Heard:
    """A session gave a sign of life."""

    event: SessionEvent


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A session ended. Without a judgement, judging was halted: the attempt stays open until the next start."""

    attempt: AttemptId
    ending: Ending
    judgement: Judgement | None


@dataclass(frozen=True, slots=True)
class StopAsked:
    """A person asks to stop: `now` = end running sessions at once; `exit_code`: of the run, if it ends them at once."""

    why: Message
    now: bool = False
    exit_code: int = 130


@dataclass(frozen=True, slots=True)
class Due:
    """A timer went off, or something changed outside. `look`: nothing more than to look again."""

    what: Literal["look", "interrupt", "terminate", "halt_judging"] = "look"


Received = Heard | SessionEnded | StopAsked | Due


class Inbox:
    """First in, first out. Everything happens on one event loop, but for `put_from_signal`."""

    def __init__(self) -> None:
        self._received: deque[Received] = deque()
        self._has_come = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_open(self) -> bool:
        """The loop runs and reads it."""
        return self._loop is not None

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        self._loop = None

    def put(self, received: Received) -> None:
        self._received.append(received)
        self._has_come.set()

    def put_from_signal(self, received: Received) -> None:
        """Between any two instructions of the thread of the loop, which may be asleep."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.put, received)

    def take(self) -> Received | None:
        """The oldest value; None when there is none."""
        received = self._received.popleft() if self._received else None
        if not self._received:
            self._has_come.clear()
        return received

    async def wait(self, at_most_s: float | None = None) -> None:
        """Until there is something to take, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._has_come.wait()
