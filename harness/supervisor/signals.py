"""Signals as requests: the first asks to stop, the second ends at once; and Ctrl-Z, which stops this process whole."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from harness.core.messages import message
from harness.supervisor.inbox import Inbox, StopAsked

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def as_requests(inbox: Inbox) -> Iterator[None]:
    """While the block runs and the inbox is read, SIGINT, SIGTERM and SIGHUP are requests to stop; while it is not read
    they do what they always do. Only for the main thread of a program."""
    hung_up = False

    def asked(number: int, frame: FrameType | None) -> None:
        nonlocal hung_up
        asking = signal.Signals(number)
        if not inbox.is_open:
            _as_ever(number, before[asking], frame)
        elif number != signal.SIGHUP or not hung_up:  # a closed terminal sends two, the shell's and the kernel's
            hung_up |= number == signal.SIGHUP
            who = "Ctrl-C" if number == signal.SIGINT else asking.name
            inbox.put_from_signal(StopAsked(message("stopped_by", who=who), exit_code=128 + number))

    # nohup and --detach ignore SIGHUP on purpose
    before = {each: signal.getsignal(each) for each in _STOPPING if signal.getsignal(each) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_ever(number: int, handler: Any, frame: FrameType | None) -> None:
    if callable(handler):
        handler(number, frame)
    else:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


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
