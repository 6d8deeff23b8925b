"""Work that is repeated whenever something changed, and takes at most a twentieth of the time."""

from collections.abc import Awaitable, Callable
from typing import Any

from harness.base.clock import Clock

OffTheLoop = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a blocking function off the loop; the simulation runs it in place."""

_SHARE = 20
"""What took 1 s is not done again for 20 s."""
_SHORTEST_S = 0.5


class Throttled:
    """One at a time, and never again before `max(0.5 s, 20 x the time it took)`."""

    def __init__(self, work: Callable[[], Awaitable[None]], clock: Clock, *, is_stale: bool = False) -> None:
        self._work = work
        self._clock = clock
        self._is_stale = is_stale
        self._is_busy = False
        self._not_before = 0.0

    def note(self) -> None:
        """Something changed."""
        self._is_stale = True

    def forget(self) -> None:
        """It is done by other means."""
        self._is_stale = False

    def due_in_s(self) -> float | None:
        """Seconds until the work is due; None when nothing changed, or it is being done."""
        if self._is_busy or not self._is_stale:
            return None
        return max(0.0, self._not_before - self._clock.monotonic())

    async def do(self) -> None:
        """Do it now."""
        began, self._is_busy, self._is_stale = self._clock.monotonic(), True, False
        try:
            await self._work()
        finally:
            self._is_busy = False
            took = self._clock.monotonic() - began
            self._not_before = self._clock.monotonic() + max(_SHORTEST_S, _SHARE * took)
