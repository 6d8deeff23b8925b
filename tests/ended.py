"""Whether a process that was killed has ended."""

import contextlib
import threading

import psutil

_LOOKS, _PAUSE_S = 1_000, 0.01
_never = threading.Event()


def goes(pid: int) -> bool:
    """It may need a moment, and stays a zombie when nobody collects it. False: it still runs after ten seconds."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for _ in range(_LOOKS):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
            _never.wait(_PAUSE_S)
        return False
    return True
