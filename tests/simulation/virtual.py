"""A loop and a clock whose time is virtual: hours pass in milliseconds, in the same order every time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

_BEGIN = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


class Stuck(AssertionError):
    """Everything waits and nothing will ever happen: a lost wake-up."""


class VirtualSelector(selectors.SelectSelector):
    """Does not wait: it moves the time on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("nothing is scheduled")
        self.now_s += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time; it has no real input and output."""

    def __init__(self) -> None:
        self.virtual = VirtualSelector()
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.now_s


class VirtualClock:
    """The world's clock: it goes on through crashes; the wall clock may jump, monotonic time never does."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.jumped = timedelta(0)
        self._loop: VirtualLoop | None = None

    def now(self) -> datetime:
        return _BEGIN + timedelta(seconds=self.monotonic()) + self.jumped

    def monotonic(self) -> float:
        return self.elapsed_s + (self._loop.time() if self._loop else 0.0)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def run(self, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `main` on a fresh loop, as one life of a process; time goes on where the last life left it."""
        loop = VirtualLoop()
        self._loop = loop
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(main())
        finally:
            self._end(loop)

    def _end(self, loop: VirtualLoop) -> None:
        """The process is gone: its tasks do nothing more, not even clean up."""
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.elapsed_s += loop.time()
        self._loop = None
        asyncio.set_event_loop(None)
        loop.close()
