"""A word that ends waiting: threads that wait for a child of ours hear it, so that nobody has to wait for them."""

import os
import select
import time


class HaltedError(Exception):
    """Nobody waits for the answer any more; there is none, and nothing may be concluded."""


class Halt:
    """Once called, every wait ends with HaltedError, those to come too. For any thread."""

    def __init__(self) -> None:
        self._heard, self._said = os.pipe()
        self._is_called = False

    def call(self) -> None:
        if not self._is_called:
            self._is_called = True
            os.write(self._said, b"!")

    def check(self) -> None:
        """HaltedError when it was called."""
        if self._is_called:
            raise HaltedError

    def wait(self, descriptor: int, event: int, deadline: float) -> None:
        """Until poll reports anything of `descriptor`. TimeoutError after the deadline (monotonic)."""
        self.check()
        poll = select.poll()
        poll.register(self._heard, select.POLLIN)
        poll.register(descriptor, event)
        left = deadline - time.monotonic()
        ready = poll.poll(left * 1000) if left > 0 else []
        self.check()
        if not ready:
            raise TimeoutError

    def close(self) -> None:
        """Only when nobody waits any more."""
        self._is_called = True
        for end in (self._heard, self._said):
            os.close(end)
