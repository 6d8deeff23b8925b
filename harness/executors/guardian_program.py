"""A small program beside each run that ends what the run leaves behind when it is killed.

Started by `executors.guardian`. It says that it is at its post with a byte on standard output. Its standard input is a
pipe whose other end only the supervisor has. A byte there means that the run has seen to everything itself. The end of
the pipe without one: the supervisor is gone, and everything with the run's mark is killed, round after round, until
nothing was found for `_QUIET_S`: a process that was just being started has no mark yet.
"""

import os
import signal
import time
from contextlib import suppress

from harness.base.marks import RUN_MARK, marked

_QUIET_S = 2.0
_PAUSE_S = 0.01
_LONGEST_S = 60.0
"""What cannot be killed (the kernel waits for a disk) is left to the next run."""


def main(run: str) -> None:
    """Wait for the end of the run, and do what is left to do."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # who ends a whole group of processes means the run
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):  # who waits for it may be gone already
        os.write(1, b"\n")
    if not os.read(0, 1):
        _end_all(run)


def _end_all(run: str) -> None:
    began = last_found = time.monotonic()
    while (now := time.monotonic()) < min(last_found + _QUIET_S, began + _LONGEST_S):
        for pid in marked(RUN_MARK, run):
            last_found = now
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)
