"""Keeps this machine from falling asleep while a job runs, where it has the means."""

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Self

from harness.base.termination import wait_or_kill

_PATIENCE_S = 3.0
_HELD = b"held\n"
_HOLDING = ("/bin/sh", "-c", "echo held; exec cat >/dev/null")
"""Lives as long as our end of its pipe: whatever ends us lets the machine sleep again."""


class Awake:
    """Holds the machine awake from its making until `release`, or until this process is gone."""

    def __init__(self, why: str, search_path: str | None = None) -> None:
        self._command = _command(why, search_path)
        self._process: subprocess.Popen[bytes] | None = None
        self._trouble = "neither systemd-inhibit nor caffeinate is here"
        self._held: bool | None = None
        if self._command:
            try:
                self._process = subprocess.Popen(
                    (*self._command, *_HOLDING),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={"PATH": os.defpath},
                    start_new_session=True,  # Ctrl-C in the terminal must not end it before us
                )
            except OSError as error:
                self._trouble = f"{self._command[0]}: {error.strerror}"

    def describe(self) -> str:
        """For the record: what holds it, or why nothing does."""
        if self.is_held():
            return f"is kept awake by {os.path.basename(self._command[0])}"  # noqa: PTH119  a name, not a path
        return f"may fall asleep: {self._trouble}"

    def release(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        wait_or_kill(process, _PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def is_held(self) -> bool:
        """Waits until that is known, at most some seconds; the answer of the first time stands."""
        if self._held is None:
            self._held = self._ask()
        return self._held

    def _ask(self) -> bool:
        process = self._process
        if process is None or process.stdout is None or process.stderr is None:
            return False
        ready, _, _ = select.select([process.stdout], [], [], _PATIENCE_S)
        if ready and os.read(process.stdout.fileno(), len(_HELD)) == _HELD:
            return True
        said = os.read(process.stderr.fileno(), 300).decode(errors="replace").strip() if ready else "it does not answer"
        self._trouble = f"{os.path.basename(self._command[0])}: {said or 'it ended at once'}"  # noqa: PTH119
        self.release()
        return False


def _command(why: str, search_path: str | None) -> Sequence[str]:
    """What runs a program and keeps the machine awake as long as that runs; empty where there is no such thing."""
    if sys.platform == "darwin":
        found = shutil.which("caffeinate", path=search_path)
        return (found, "-i") if found else ()
    found = shutil.which("systemd-inhibit", path=search_path)
    return (found, "--what=sleep:idle", "--mode=block", "--who=harness", f"--why={why}") if found else ()
