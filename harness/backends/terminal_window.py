"""The terminal of an interactive session: what stands on its screen, keys, and waiting for what can be seen there."""

import asyncio
import fcntl
import os
import re
import struct
import termios
from collections.abc import Callable
from typing import Final

from harness.backends.screen import COLUMNS, ROWS, Screen
from harness.base.termination import wait_gone

PUZZLED_S: Final = 15.0
"""A start that stands still for so long, with something on its screen that is neither a box nor a known question."""

_ONCE_MORE_S: Final = 1.0
"""After this a key that had no effect is hit again: a key that comes too early is lost."""

_EVERYTHING = re.compile(rb".+", re.DOTALL)


class TerminalWindow:
    """Somebody sits at it, until its process is gone or an end was asked for."""

    def __init__(self) -> None:
        self.is_to_stop = False
        """An end was asked for."""
        self.is_gone = False
        """Its process is."""
        self.painted_bytes = 0
        self._stirred = asyncio.Event()
        """Something was painted, written or asked for."""

    def open(self, master: int) -> None:
        """Our end of its pseudo terminal, which is closed with it."""
        from pexpect.fdpexpect import fdspawn

        self.screen, self._child = Screen(), fdspawn(master, maxread=65536)

    def stir(self) -> None:
        """Whoever waits looks again."""
        self._stirred.set()

    def stop(self) -> None:
        self.is_to_stop = True
        self.stir()

    def hit(self, key: bytes) -> None:
        self._child.send(key)

    async def press(self, key: bytes, may: Callable[[], bool], has_worked: Callable[[], bool]) -> None:
        """Until it has, and only while it `may`; the session's own clocks bound that."""
        while not has_worked() and not self.is_gone and not self.is_to_stop:
            if may():
                self.hit(key)
            await self.until(has_worked, _ONCE_MORE_S)

    async def until(self, is_so: Callable[[], bool], most_s: float | None = None, *, stop: bool = True) -> bool:
        """Wait until it is, the process is gone or (`stop`) an end was asked for; False when time ran out."""
        try:
            async with asyncio.timeout(most_s):
                while not (is_so() or self.is_gone or (stop and self.is_to_stop)):
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:  # or this process stood still for that long
            return is_so()
        return True

    async def answer_questions(self) -> str | None:
        """None once the input box is there, else the text that nobody knows an answer to, empty when it is over. Each
        key is hit for what is seen at that moment."""
        while not self.is_gone and not self.is_to_stop:
            dialog = self.screen.dialog()
            key = self.screen.keys_for(dialog) if dialog else None
            if key is None and self.screen.box is not None:
                return None
            seen = self.screen.text
            if key is not None:
                self.hit(key)
            if not await self.until(lambda seen=seen: self.screen.text != seen, PUZZLED_S) and seen:  # type: ignore[misc]
                return seen
        return ""

    async def watch(self, is_asked: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Read what is painted until nobody can paint any more; `beat` is called when it tells something new, once the
        model is asked."""
        import pexpect

        child, told = self._child, self.screen.told()
        try:
            while await child.expect([_EVERYTHING, pexpect.EOF], timeout=None, async_=True) == 0:
                chunk = child.match.group()
                self.painted_bytes += len(chunk)
                self.screen.feed(chunk)
                if is_asked() and told != (told := self.screen.told()):
                    beat()
                self.stir()
        finally:
            if child.async_pw_transport:
                child.async_pw_transport[1].close()
            else:
                child.close()

    async def watch_process(self, pid: int) -> None:
        await wait_gone([pid], None)
        self.is_gone = True
        self.stir()


def new_terminal() -> tuple[int, int]:
    """Both ends of a new pseudo terminal, ours first. OSError when this machine has none left."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return master, slave
