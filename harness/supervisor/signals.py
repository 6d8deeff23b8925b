"""Signals as requests: the first asks to stop, the second ends at once."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from harness.supervisor.requests import Stoppable

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class LastSignal:
    """The signal that asked last; tells 130 from 143."""

    number: int | None = None

    def exit_code(self) -> int:
        return 128 + (self.number or signal.SIGINT)


@contextmanager
def as_requests(supervisor: Stoppable) -> Iterator[LastSignal]:
    """While the block runs, SIGINT, SIGTERM and SIGHUP are requests to the supervisor. Needs the running loop."""
    loop, last = asyncio.get_running_loop(), LastSignal()

    def asked(number: signal.Signals) -> None:
        last.number = number
        supervisor.ask_stop("Ctrl-C" if number == signal.SIGINT else number.name)

    for number in _STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and --detach ignore SIGHUP on purpose
            loop.add_signal_handler(number, asked, number)
    try:
        yield last
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)
