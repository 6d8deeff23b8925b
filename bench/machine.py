"""The machine a figure was measured on, in general words, and what its disk costs: figures mean nothing without."""

import os
import platform
import shutil
import sqlite3
import statistics
import time
from pathlib import Path


def describe(folder: Path) -> str:
    """`2 cores, Debian GNU/Linux 12, Python 3.11.7, ...; fsync 0.25 ms, new folder 0.02 ms; load 0.4 at the start`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores, {_system()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; "
        f"fsync {_fsync_ms(folder):.2f} ms (median of 50 appends of 4 KB), new folder {_folder_ms(folder):.2f} ms; "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )


def _system() -> str:
    try:
        return str(platform.freedesktop_os_release()["PRETTY_NAME"])
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def _fsync_ms(folder: Path) -> float:
    path = folder / ".fsync"
    taken = []
    with path.open("wb") as file:
        for _ in range(50):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(taken) * 1000


def _folder_ms(folder: Path) -> float:
    """Above 0.1 ms other programs have just removed very many files; wait half a minute."""
    place, taken = folder / ".folders", []
    for number in range(50):
        began = time.perf_counter()
        (place / str(number)).mkdir(parents=True)
        taken.append(time.perf_counter() - began)
    shutil.rmtree(place)
    return statistics.median(taken) * 1000
