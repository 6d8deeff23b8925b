"""Containment without a kernel sandbox: a guardian process per session, which ends the session when we are gone."""

import os
from pathlib import Path
from typing import Literal

from harness.backends.launch import Launch, View
from harness.executors import guardian_program
from harness.executors.folder import AttemptFolder
from harness.executors.walls import Wrapped

_GRACE_S = 3.0


class Guardian:
    """Ends processes; hides nothing. Permission rules (`dontAsk`) keep the tools of a session in its own folder.

    Every guardian holds the reading end of one pipe whose only writing end is ours: when this process is gone, however
    it went, all of them see the end of it.
    """

    name: Literal["guardian"] = "guardian"
    is_kernel_sandbox = False

    def __init__(self, python: str) -> None:
        self._python = python
        self._life, self._held = os.pipe()

    def view(self, folder: AttemptFolder) -> View:
        return folder.view()

    def wrap(self, folder: AttemptFolder, launch: Launch) -> Wrapped:
        program = str(Path(guardian_program.__file__))
        argv = (self._python, "-I", "-S", program, str(self._life), str(_GRACE_S), "--", *launch.argv)
        return Wrapped(argv, dict(launch.env), folder.work, (self._life,))

    def polite(self, pid: int) -> list[int]:
        return [pid]

    def describe(self) -> str:
        return "guardian: sessions end with the supervisor; tools are kept in by permission rules only"
