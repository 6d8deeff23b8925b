"""A loop and a clock whose time is virtual: hours pass in milliseconds, in the same order every time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

BEGIN = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
MOST_STEPS = 60_000
"""Rounds of the loop in one life; far more than any night needs."""


class Stuck(AssertionError):
    """Nothing will ever happen any more, or it never ends."""


class VirtualSelector(selectors.SelectSelector):
    """Does not wait: it moves the time on."""

    def __init__(self, before_time_passes: Callable[[float], None]) -> None:
        super().__init__()
        self.now_s = 0.0
        self.steps = 0
        self.before_time_passes = before_time_passes

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Stuck(f"V7: no end after {MOST_STEPS} rounds of the loop")
        if timeout is None:
            raise Stuck("V7: nothing is scheduled")
        if timeout > 0:
            self.before_time_passes(timeout)
            self.now_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time; it has no real input and output."""

    def __init__(self, before_time_passes: Callable[[float], None]) -> None:
        self.virtual = VirtualSelector(before_time_passes)
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.now_s


class VirtualClock:
    """The world's clock: it goes on through crashes; the wall clock jumps as it is told, monotonic time never does."""

    def __init__(self, jumps: tuple[tuple[float, float], ...] = ()) -> None:
        self.elapsed_s = 0.0
        self.jumps = jumps
        """(at, seconds): at this monotonic time the wall clock is set forward or back."""
        self.before_time_passes: Callable[[float], None] = lambda seconds: None
        """Called when everything waits; the simulation looks here for what should not wait."""
        self._loop: VirtualLoop | None = None

    def now(self) -> datetime:
        elapsed = self.monotonic()
        jumped = sum(by for at, by in self.jumps if at <= elapsed) if self.jumps else 0.0
        return BEGIN + timedelta(seconds=elapsed + jumped)

    def monotonic(self) -> float:
        return self.elapsed_s + (self._loop.time() if self._loop else 0.0)

    def has_jumped_since(self, at: float) -> bool:
        return any(at <= jump_at <= self.monotonic() for jump_at, _ in self.jumps)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def run(self, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `main` on a fresh loop, as one life of a process; time goes on where the last life left it."""
        loop = VirtualLoop(lambda seconds: self.before_time_passes(seconds))
        self._loop = loop
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(main())
        finally:
            self._end(loop)

    def _end(self, loop: VirtualLoop) -> None:
        """The process is gone: its tasks do nothing more, not even clean up."""
        loop.virtual.before_time_passes = lambda seconds: None
        loop.virtual.steps = 0
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.elapsed_s += loop.time()
        self._loop = None
        asyncio.set_event_loop(None)
        loop.close()


async def slowly(work: Callable[[], T]) -> T:
    """Off the loop, for half a second: others go on meanwhile."""
    done = work()
    await asyncio.sleep(0.5)
    return done


async def very_slowly(work: Callable[[], T]) -> T:
    """As if the job were large: the progress file then follows a minute later."""
    done = work()
    await asyncio.sleep(3)
    return done
