"""Wakes a coroutine when something changes in a folder: by inotify where there is one, else by a look each second.

watchfiles is not used for this: its thread wakes 20 times a second per watch (measured with strace), and ends a whole
step late. This costs one descriptor and nothing while nothing happens.
"""

import asyncio
import ctypes
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

LOOK_S: Final = 1.0
"""Between two looks where the kernel cannot wake us: no inotify, or no instance left (128 per user by default)."""

_CLOSE_WRITE, _MODIFY, _MOVED, _CREATE, _DELETE, _ATTRIBUTES = 0x8, 0x2, 0xC0, 0x100, 0x200, 0x4
_SELF_GONE = 0x400 | 0x800
_ONLY_FOLDER, _NO_FOLLOW = 0x0100_0000, 0x0200_0000
_EVENTS: Final = (
    _CLOSE_WRITE | _MODIFY | _MOVED | _CREATE | _DELETE | _ATTRIBUTES | _SELF_GONE | _ONLY_FOLDER | _NO_FOLLOW
)


class FolderWatch:
    """Watches folders (not what is below them) until it is left. Used by one coroutine."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._descriptor: int | None = None
        self._newest = 0

    def __enter__(self) -> Self:
        self._descriptor = _start()
        if self._descriptor is not None:
            asyncio.get_running_loop().add_reader(self._descriptor, self._drain, self._descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def watch(self, folders: Iterable[Path]) -> bool:
        """Watch these too. Named again, or gone, does no harm. True when one of them was not watched before: what
        happened in it until now woke nobody, so look once more."""
        if self._descriptor is None:
            return False
        before = self._newest
        for folder in folders:
            number = _libc().inotify_add_watch(self._descriptor, os.fsencode(folder), _EVENTS)
            self._newest = max(self._newest, number)
        return self._newest > before

    async def changed(self, stop: asyncio.Event) -> None:
        """Return when something happened since the last call, or when `stop` is set."""
        timeout_s = LOOK_S if self._descriptor is None else None
        waits = {asyncio.ensure_future(self._woken.wait()), asyncio.ensure_future(stop.wait())}
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._woken.clear()

    def _drain(self, descriptor: int) -> None:
        try:
            os.read(descriptor, 65536)
        except OSError:
            return
        self._woken.set()


def _start() -> int | None:
    try:
        descriptor: int = _libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    except (AttributeError, OSError):
        return None
    return descriptor if descriptor >= 0 else None


@cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)
