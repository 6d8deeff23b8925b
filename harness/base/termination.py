"""How processes are ended: a tree of them, or all that are found, politely and then for good."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress

from harness.base.processes import exit_descriptor, is_zombie, reap

_ROUNDS = 50
"""A tree that still forks after so many rounds of SIGKILL is left to the sweep."""


async def end_tree(polite: Iterable[int], rest: Callable[[], list[int]], grace: float) -> None:
    """SIGTERM to `polite`; after `grace` seconds, or when those are gone, SIGKILL to what `rest` then names.

    Returns when nothing is left, or after two more seconds. Zombies that are children of ours are reaped.
    """
    asked = list(polite) if grace > 0 else []
    for pid in asked:
        _send(pid, signal.SIGTERM)
    if asked:
        await wait_gone(asked, grace)
    for _ in range(_ROUNDS):
        left = [pid for pid in rest() if not is_zombie(pid)]
        if not left:
            return
        for pid in left:
            _send(pid, signal.SIGKILL)
        await wait_gone(left, 2 / _ROUNDS)


async def end_found(find: Callable[[], list[int]], grace: float) -> int:
    """End every process that is found; returns how many there were."""
    found = find()
    if found:
        await end_tree(found, find, grace)
        reap(found)
    return len(found)


async def wait_gone(pids: Iterable[int], seconds: float | None) -> bool:
    """Wait until none of them runs; False when that took longer. None = as long as it takes."""
    try:
        async with asyncio.timeout(seconds):
            for pid in pids:
                await _gone(pid)
    except TimeoutError:
        return False
    return True


async def _gone(pid: int) -> None:
    """Return when the process has ended (a zombie has)."""
    try:
        descriptor = exit_descriptor(pid)
    except OSError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
