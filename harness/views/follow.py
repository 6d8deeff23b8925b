"""Wakes whoever follows a ledger: by the kernel's word on its folder, no polling below two seconds."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.base.errors import HarnessError
from harness.base.folder_watch import FolderWatch
from harness.base.job_home import JobHome
from harness.ledger.lock import is_held

_LONGEST_S: Final = 2.0
"""A supervisor that was killed leaves no file event behind; its lock is looked at this often."""
_PACE_S: Final = 0.1
"""After each look: what happens meanwhile is seen in one look."""


async def changes(state: Path, stop: asyncio.Event | None = None) -> AsyncGenerator[None]:
    """Yields at once, then when something was written to the state folder, and every two seconds at the least.

    Ends when `stop` is set.
    """
    stop = stop or asyncio.Event()
    with FolderWatch() as watch:
        while not stop.is_set():
            watch.watch([state])
            yield
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PACE_S):
                    await stop.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_S):
                    await watch.changed(stop)


async def until_run_ends(state: Path) -> None:
    """Returns when no supervisor holds the job."""
    async with contextlib.aclosing(changes(state)) as following:
        async for _ in following:
            if not is_held(JobHome(state).lock):
                return


@contextmanager
def looking(state: Path, look: Callable[[], None]) -> Iterator[None]:
    """While the block runs, `look` is called at every change of a job that any process may run, on a thread of its own;
    once more at the end.

    What cannot be read, shown or followed stops nothing: the block counts more than who looks at it.
    """
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def follow() -> None:
        async for _ in changes(state, stop):
            _look(look)

    def end() -> None:
        loop.call_soon_threadsafe(stop.set)

    with contextlib.closing(loop), _beside(lambda: loop.run_until_complete(follow()), end, look):
        yield


@contextmanager
def looking_when_woken(look: Callable[[], None]) -> Iterator[Callable[[int], None]]:
    """Like `looking`, for a run of this process: yields the subscriber for `Ledger.after_commit`.

    No folder is watched and no lock is looked at: nothing but a commit of this process changes what is shown.
    """
    woken, is_over = threading.Event(), threading.Event()

    def follow() -> None:
        while not is_over.is_set():
            woken.wait()
            woken.clear()
            _look(look)
            is_over.wait(_PACE_S)

    def end() -> None:
        is_over.set()
        woken.set()

    with _beside(follow, end, look):
        yield lambda seq: woken.set()


@contextmanager
def _beside(follow: Callable[[], None], end: Callable[[], object], look: Callable[[], None]) -> Iterator[None]:
    """`follow` on a thread of its own until `end` is called; one more look after it."""
    thread = threading.Thread(target=follow, name="looking", daemon=True)
    with contextlib.suppress(RuntimeError):  # this machine has no thread left
        thread.start()
    try:
        yield
    finally:
        if thread.is_alive():
            end()
            thread.join()
        _look(look)


def _look(look: Callable[[], None]) -> None:
    with contextlib.suppress(HarnessError, OSError, sqlite3.Error):
        look()
