"""Which walls a session gets: bubblewrap where the kernel allows it, else permission rules only."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from harness.backends.launch import Launch, View
from harness.base.errors import Problem, UsageError
from harness.base.processes import descendants
from harness.base.texts import shown
from harness.executors.bubblewrap import Bubblewrap, why_not
from harness.executors.folder import AttemptFolder
from harness.executors.installations import NEVER, forbidden_in
from harness.executors.walls import Containment, Wrapped
from harness.job.job import Job

_NEEDS_KERNEL = frozenset({"Bash", "Monitor", "PowerShell", "REPL", "Workflow"})
"""Tools that run programs: no permission rule holds what they start."""


_SAYS = {
    "guardian": "guardian: sessions end with the supervisor; tools are kept in by permission rules only",
    "off": 'off: sessions run without any walls (sandbox: "off")',
}


class NoWalls:
    """The session sees what the user sees. `guardian`: no tool may run programs; `off`: it may do what the user may.

    Permission rules (`dontAsk`) keep the tools for files in its own folder.
    """

    is_kernel_sandbox = False
    tool_shell = None

    def __init__(self, name: Literal["guardian", "off"]) -> None:
        self.name: Literal["guardian", "off"] = name

    def view(self, folder: AttemptFolder) -> View:
        return folder.view()

    def wrap(self, folder: AttemptFolder, launch: Launch) -> Wrapped:
        return Wrapped(launch.argv, dict(launch.env), folder.work)

    def polite(self, pid: int) -> list[int]:
        return [pid, *descendants(pid)]

    def describe(self) -> str:
        return _SAYS[self.name]

    def weaknesses(self) -> Mapping[str, str]:
        return {"": _SAYS[self.name]}


def choose(job: Job, *, search_path: str | None = None) -> Containment:
    """The walls for a job. UsageError, with the remedy, where what it asks for cannot be had.

    `auto` is bubblewrap on Linux where it works, else the guardian; tools that run programs need the kernel.
    Bubblewrap is looked for in `search_path`, by default the PATH of this process.
    """
    if job.sandbox == "off":
        return NoWalls("off")
    missing = "" if job.sandbox == "guardian" else why_not(search_path)
    if job.sandbox in ("auto", "bubblewrap") and not missing:
        _refuse_wide(job)
        return Bubblewrap(shutil.which("bwrap", path=search_path) or "bwrap", (job.folder, job.state))
    if job.sandbox == "bubblewrap":
        raise UsageError([Problem("sandbox", f"bubblewrap cannot be used: {missing}", _REMEDY)])
    _refuse_programs(job, missing)
    return NoWalls("guardian")


_REMEDY = (
    "install bubblewrap and allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), "
    'or give up the walls knowingly with sandbox: "off"'
)


def _refuse_wide(job: Job) -> None:
    """UsageError for what a command names in the job's folder although no session may ever see it."""
    problems = []
    home = job.folder.resolve()
    for path in job.readable:
        parts = [*_below(path, job.folder), *_below(path.resolve(), home)]
        held = next(forbidden_in(path, (job.folder, job.state)), None)
        private = next((part for part in parts if part in NEVER), None)
        if held is not None or private is not None:
            named = path.relative_to(job.folder) if path.is_relative_to(job.folder) else path
            what = f"it holds {held.resolve()}" if held is not None else f"it lies in {private}"
            message = f"a command names {str(named)!r}, which no session may see: {what}"
            problems.append(Problem(shown(job.manifest), message, "name the file or the folder that the program reads"))
    if problems:
        raise UsageError(problems)


def _below(path: Path, folder: Path) -> tuple[str, ...]:
    return path.relative_to(folder).parts if path.is_relative_to(folder) else path.parts


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
