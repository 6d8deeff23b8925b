"""Starts supervisors from an interpreter that has loaded the program already: a third of the time of a fresh one."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ENTRY = Path(__file__).with_name("entry.py")
ROOT = ENTRY.parents[2]
CEILING_S = 120.0
"""Far above what a run needs (1 s), so that only a hang meets it."""

_never = threading.Event()
_of_thread = threading.local()


class HungError(Exception):
    """A run was not over in time; it has been killed."""


def run(words: Sequence[str], cwd: Path, env: Mapping[str, str], errors: Path, tracing: Sequence[str] = ()) -> int:
    """The exit code of one run, negative for a signal; `tracing` are the options of an strace that is attached first.

    Each thread has an interpreter of its own. HungError when the run does not end.
    """
    if not hasattr(_of_thread, "forge"):
        _of_thread.forge = _Forge()
    forge: _Forge = _of_thread.forge
    return forge.run(words, cwd, env, errors, tracing)


class _Forge:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ENTRY), "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)},
            text=True,
        )
        atexit.register(self._end)

    def run(self, words: Sequence[str], cwd: Path, env: Mapping[str, str], errors: Path, tracing: Sequence[str]) -> int:
        asked = {"words": list(words), "cwd": str(cwd), "env": dict(env), "errors": str(errors), "waits": bool(tracing)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        pid = self._read()
        guard = threading.Timer(CEILING_S, os.kill, (pid, signal.SIGKILL))
        guard.start()
        tracer = _trace(pid, tracing) if tracing else None
        code = self._read()
        if tracer is not None:
            tracer.wait()
        if not guard.is_alive():
            raise HungError(f"not over after {CEILING_S:g} s")
        guard.cancel()
        return code

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()


def _trace(pid: int, options: Sequence[str]) -> "subprocess.Popen[bytes]":
    """The tracer of a process that has stopped itself; it goes on when it is traced."""
    _until(lambda: _status(pid, "State").startswith("T"))
    tracer = subprocess.Popen(["strace", "-qq", *options, "-p", str(pid)])
    _until(lambda: _status(pid, "TracerPid") != "0")
    os.kill(pid, signal.SIGCONT)
    return tracer


def _status(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + CEILING_S
    while not is_so():
        assert time.monotonic() < deadline, "strace did not attach"
        _never.wait(0.002)
