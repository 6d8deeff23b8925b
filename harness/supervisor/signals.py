"""Signals as requests: the first asks to stop, the second ends at once; and Ctrl-Z, which stops this process whole."""

import asyncio
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from harness.core.messages import message
from harness.supervisor.requests import Stoppable

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def as_requests(supervisor: Stoppable) -> Iterator[None]:
    """While the block runs, SIGINT, SIGTERM and SIGHUP are requests to the supervisor. Needs the running loop."""
    loop = asyncio.get_running_loop()
    hung_up = False

    def asked(number: signal.Signals) -> None:
        nonlocal hung_up
        if number == signal.SIGHUP and hung_up:  # a closed terminal sends two, the shell's and the kernel's
            return
        hung_up |= number == signal.SIGHUP
        with suppress(sqlite3.OperationalError):  # it stops, although a full disk did not take the entry of it
            who = "Ctrl-C" if number == signal.SIGINT else number.name
            supervisor.ask_stop(message("stopped_by", who=who), exit_code=128 + number)

    for number in _STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and --detach ignore SIGHUP on purpose
            loop.add_signal_handler(number, asked, number)
    try:
        yield
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)


@contextmanager
def stopped_whole() -> Iterator[None]:
    """While the block runs, Ctrl-Z (SIGTSTP) stops this process, and no child that it is just starting.

    A child that is stopped between its fork and its program keeps the parent waiting in the kernel, and the terminal
    with it. So the signal is blocked here, which children inherit, and a thread takes it and stops the process for it.
    """
    if signal.getsignal(signal.SIGTSTP) != signal.SIG_DFL:  # ignored on purpose
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
    over = threading.Event()
    thread = threading.Thread(target=_stop_when_told, args=(over,), name="ctrl-z", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        signal.pthread_kill(thread.ident or 0, signal.SIGTSTP)
        thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop_when_told(over: threading.Event) -> None:
    while True:
        signal.sigwait({signal.SIGTSTP})
        if over.is_set():
            return
        os.kill(os.getpid(), signal.SIGSTOP)
