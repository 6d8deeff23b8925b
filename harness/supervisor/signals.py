"""Signals as requests: the first asks to stop, the second ends at once."""

import asyncio
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from harness.supervisor.requests import Stoppable

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def as_requests(supervisor: Stoppable) -> Iterator[None]:
    """While the block runs, SIGINT, SIGTERM and SIGHUP are requests to the supervisor. Needs the running loop."""
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        with suppress(sqlite3.OperationalError):  # it stops, although a full disk did not take the entry of it
            supervisor.ask_stop("Ctrl-C" if number == signal.SIGINT else number.name, exit_code=128 + number)

    for number in _STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and --detach ignore SIGHUP on purpose
            loop.add_signal_handler(number, asked, number)
    try:
        yield
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)
