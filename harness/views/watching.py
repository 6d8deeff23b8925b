"""Wakes whoever follows a ledger: by the kernel's word on its folder, no polling below two seconds."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final

from harness.base.watching import FolderWatch
from harness.ledger.lock import is_held

_LONGEST_S: Final = 2.0
"""A supervisor that was killed leaves no file event behind; its lock is looked at this often."""


async def changes(state: Path) -> AsyncGenerator[None]:
    """Yields when something was written to the state folder, and every two seconds at the least."""
    never = asyncio.Event()
    with FolderWatch() as watch:
        watch.watch([state])
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_S):
                    await watch.changed(never)
            yield


async def until_run_ends(state: Path, look: Callable[[], None]) -> None:
    """Call `look` at every change, until no supervisor holds the job; once more at the end."""
    look()
    async with contextlib.aclosing(changes(state)) as following:
        async for _ in following:
            look()
            if not is_held(state / "lock"):
                break
    look()
