"""Which walls a session gets: bubblewrap where the kernel allows it, else a guardian, or none if that was typed out."""

import shutil
import sys
from collections.abc import Sequence
from typing import Literal

from harness.backends.launch import Launch, View
from harness.base.errors import Problem, UsageError
from harness.base.processes import descendants
from harness.executors.bubblewrap import Bubblewrap, why_not
from harness.executors.folder import AttemptFolder
from harness.executors.guardian import Guardian
from harness.executors.walls import Containment, Wrapped
from harness.job.job import Job

_NEEDS_KERNEL = frozenset({"Bash", "Monitor", "PowerShell", "REPL", "Workflow"})
"""Tools that run programs: no permission rule holds what they start."""


class Off:
    """No walls: the session sees and may do what the user may."""

    name: Literal["off"] = "off"
    is_kernel_sandbox = False

    def view(self, folder: AttemptFolder) -> View:
        return folder.view()

    def wrap(self, folder: AttemptFolder, launch: Launch) -> Wrapped:
        return Wrapped(launch.argv, dict(launch.env), folder.work)

    def polite(self, pid: int) -> list[int]:
        return [pid, *descendants(pid)]

    def describe(self) -> str:
        return 'off: sessions run without any walls (sandbox: "off")'


def choose(job: Job, *, search_path: str | None = None) -> Containment:
    """The walls for a job. UsageError, with the remedy, where what it asks for cannot be had.

    `auto` is bubblewrap on Linux where it works, else the guardian; tools that run programs need the kernel.
    Bubblewrap is looked for in `search_path`, by default the PATH of this process.
    """
    if job.sandbox == "off":
        return Off()
    missing = "" if job.sandbox == "guardian" else why_not(search_path)
    if job.sandbox in ("auto", "bubblewrap") and not missing:
        return Bubblewrap(shutil.which("bwrap", path=search_path) or "bwrap")
    if job.sandbox == "bubblewrap":
        raise UsageError([Problem("sandbox", f"bubblewrap cannot be used: {missing}", _REMEDY)])
    _refuse_programs(job, missing)
    return Guardian(sys.executable)


_REMEDY = (
    "install bubblewrap and allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), "
    'or give up the walls knowingly with sandbox: "off"'
)


def _refuse_programs(job: Job, missing: str) -> None:
    problems = [
        Problem(
            f"{job.manifest.name}: phase {phase.name}",
            f"tool {tool} runs programs and needs a kernel sandbox{f' ({missing})' if missing else ''}",
            _REMEDY,
        )
        for phase in job.phases
        if phase.session.backend == "claude"
        for tool in _running_tools(phase.session.tools)
    ]
    if problems:
        raise UsageError(problems)


def _running_tools(tools: Sequence[str]) -> list[str]:
    return [tool for tool in tools if tool.split("(")[0] in _NEEDS_KERNEL]
