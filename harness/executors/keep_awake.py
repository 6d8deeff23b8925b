"""Keeps this machine from falling asleep while a job runs, where it has the means."""

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Self

from harness.base.child import StandingChild

_PATIENCE_S = 3.0
_HELD = b"held\n"
_HOLDING = ("/bin/sh", "-c", "echo held; exec cat >/dev/null")
"""Lives as long as our end of its pipe: whatever ends us lets the machine sleep again."""


class Awake:
    """Holds the machine awake from its making until `release`, or until this process is gone."""

    def __init__(self, why: str, search_path: str | None = None) -> None:
        self._command = _command(why, search_path)
        self._child: StandingChild | None = None
        self._problem = "neither systemd-inhibit nor caffeinate is here"
        self._held: bool | None = None
        if self._command:
            try:
                self._child = StandingChild((*self._command, *_HOLDING), env={"PATH": os.defpath})
            except OSError as error:
                self._problem = f"{self._command[0]}: {error.strerror}"

    def describe(self) -> str:
        """For the record: what holds it, or why nothing does."""
        if self.is_held():
            return f"is kept awake by {os.path.basename(self._command[0])}"  # noqa: PTH119  a name, not a path
        return f"may fall asleep: {self._problem}"

    def release(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.let_go(_PATIENCE_S, asked=True)

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
        child = self._child
        if child is None:
            return False
        words = child.first_words(len(_HELD), _PATIENCE_S)
        if words == _HELD:
            return True
        said = "it does not answer" if words is None else child.complaint()[:300]
        self._problem = f"{os.path.basename(self._command[0])}: {said or 'it ended at once'}"  # noqa: PTH119
        self.release()
        return False


def _command(why: str, search_path: str | None) -> Sequence[str]:
    """What runs a program and keeps the machine awake as long as that runs; empty where there is no such thing."""
    if sys.platform == "darwin":
        found = shutil.which("caffeinate", path=search_path)
        return (found, "-i") if found else ()
    found = shutil.which("systemd-inhibit", path=search_path)
    return (found, "--what=sleep:idle", "--mode=block", "--who=harness", f"--why={why}") if found else ()
