"""Runs what is measured as a process of its own: nothing of the bench is in its memory, its time or its environment."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Ran:
    """One process that has ended. `cpu_s` is its own and that of everything it waited for; `rss_mb` its own peak."""

    exit_code: int
    wall_s: float
    cpu_s: float
    rss_mb: float
    said: str


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, with byte code allowed: a user's harness is not compiled anew at every start."""
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**plain, "PYTHONPATH": str(ROOT), "HARNESS_TRUST": "1", **(extra or {})}


def run(argv: Sequence[str], folder: Path, extra: Mapping[str, str] | None = None) -> Ran:
    """Run it to its end. Its own memory is read from the kernel while it lives: what a child used does not count."""
    began = time.perf_counter()
    with (folder / ".said").open("wb+") as said:
        child = subprocess.Popen(
            argv, cwd=folder, env=environment(extra), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        peak = _Peak(child.pid)
        _, status, used = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    return Ran(child.returncode, wall_s, used.ru_utime + used.ru_stime, peak.stop(), text)


class _Peak:
    """The peak resident memory of one process, looked up five times a second and so at most 0.2 s before its end."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._over = threading.Event()
        self._mb = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_S if self._mb else _LOOK_S / 10):
            self._mb = max(self._mb, peak_mb(self._status))

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return self._mb


def peak_mb(status: Path) -> float:
    """VmHWM of `/proc/<pid>/status` in MB; 0 when the process is gone."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def harness(folder: Path, *words: str) -> Ran:
    """One `harness` command in a job folder."""
    return run([sys.executable, "-m", "harness", *words], folder)


def must(ran: Ran, *, code: int = 0) -> Ran:
    """A bench whose program failed measures nothing."""
    if ran.exit_code != code:
        raise SystemExit(f"the measured program ended with {ran.exit_code}, expected {code}:\n{ran.said[-3000:]}")
    return ran
