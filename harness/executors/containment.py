"""Which sandbox a session gets: bubblewrap where the kernel allows it, else permission rules only."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import harness
from harness.backends.start_request import Launch, View
from harness.base.errors import Problem, UsageError
from harness.base.processes import descendants
from harness.base.texts import shown
from harness.evaluation.check_sandbox import SandboxCommand
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.bubblewrap import Bubblewrap, why_not
from harness.executors.check_bubblewrap import JobSandboxes, sandboxes_of
from harness.executors.installations import NEVER, forbidden_in
from harness.executors.sandbox import Containment, Wrapped
from harness.job.job import Job
from harness.job.tools import RULES_REMEDY, why_not_by_rules


class NoSandbox:
    """The session sees what the user sees. `permissions`: rules of the CLI (`dontAsk`) keep its tools
    in, and tools that no rule can hold are refused; `off`: the same rules, and any tool.

    `missing` is why there is no bubblewrap, when that was wanted.
    """

    is_kernel_sandbox = False
    tool_shell = None

    def __init__(self, name: Literal["permissions", "off"], missing: str = "") -> None:
        self.name: Literal["permissions", "off"] = name
        self._missing = missing

    def view(self, folder: AttemptFolder) -> View:
        return folder.view()

    def wrap(self, folder: AttemptFolder, launch: Launch) -> Wrapped:
        return Wrapped(launch.argv, dict(launch.env), folder.work)

    def polite(self, pid: int) -> list[int]:
        return [pid, *descendants(pid)]

    def describe(self) -> str:
        if self.name == "off":
            return 'off: sessions run without a sandbox (sandbox: "off")'
        instead = f", because bubblewrap cannot be used here: {self._missing}" if self._missing else ""
        return f"permissions: only the CLI's rules restrict its tools{instead}"

    def weaknesses(self) -> Mapping[str, str]:
        if self.name == "off":
            what = "what they start, and checks and scenes, can do whatever you can; they can speak in their CLI's name"
            return {"": f"{self.describe()}: {what}"}
        return {"": f"no kernel sandbox; {self.describe()}; checks and scenes run as you"}


def choose(job: Job, *, search_path: str | None = None) -> Containment:
    """The sandbox for a job. UsageError, with the remedy, where what it asks for cannot be had.

    `auto` is bubblewrap on Linux where it works, else `permissions`, which takes only tools that rules can hold.
    Bubblewrap is looked for in `search_path`, by default the PATH of this process.
    """
    if job.sandbox == "off":
        return NoSandbox("off")
    missing = "" if job.sandbox == "permissions" else why_not(search_path)
    if job.sandbox in ("auto", "bubblewrap") and not missing:
        _refuse_wide(job)
        return _bubblewrap(job, search_path)
    if job.sandbox == "bubblewrap":
        raise UsageError([Problem("sandbox", f"bubblewrap cannot be used: {missing}", _REMEDY)])
    _refuse_tools(job, missing)
    return NoSandbox("permissions", missing)


def work_path(containment: Containment, job: Job, folder: Path) -> str:
    """The work folder of the attempt folder `folder`, as a session of this job sees it."""
    return containment.view(AttemptFolder.of(job, folder)).work


def choose_sandboxes(job: Job, *, search_path: str | None = None) -> JobSandboxes | None:
    """The sandboxes of a job whose outputs are judged and that starts no session; None where checks run as the user.

    UsageError where bubblewrap is asked for by name and cannot be used.
    """
    if job.sandbox in ("off", "permissions"):
        return None
    missing = why_not(search_path)
    if missing and job.sandbox == "bubblewrap":
        raise UsageError([Problem("sandbox", f"bubblewrap cannot be used: {missing}", _REMEDY)])
    return None if missing else JobSandboxes(_bubblewrap(job, search_path), job)


def scene_sandbox(job: Job) -> SandboxCommand | None:
    """The sandbox of a job's scene; None where there is no scene, or it runs as the user."""
    sandboxes = choose_sandboxes(job) if job.scene is not None else None
    shown = (Path(harness.__file__).parent,)
    return None if sandboxes is None else sandboxes.sandbox(job.scene_allow, (Path(sys.executable),), shown)


def _bubblewrap(job: Job, search_path: str | None) -> Bubblewrap:
    return Bubblewrap(shutil.which("bwrap", path=search_path) or "bwrap", (job.folder, job.state), job.readable)


def in_words(containment: Containment, job: Job) -> list[str]:
    """What the sandbox of sessions, and that of the job's checks and scene, do not hold on this machine, each once."""
    checks = (check for phase in job.phases for check in phase.output.checks)
    runs_code = job.scene is not None or any(check.python or check.command for check in checks)
    sandboxes = sandboxes_of(containment, job) if runs_code else None
    return list(
        dict.fromkeys(filter(None, [*containment.weaknesses().values(), sandboxes.weakness if sandboxes else ""]))
    )


_REMEDY = (
    "install bubblewrap and allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), "
    'or turn the sandbox off knowingly: sandbox: "off"'
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


def _refuse_tools(job: Job, missing: str) -> None:
    because = f" ({missing})" if missing else ""
    problems = [
        Problem(f"{job.manifest.name}: phase {phase.name}", f"{why}{because}", f"{_REMEDY}; {RULES_REMEDY}")
        for phase in job.phases
        if phase.session.asks_model
        for tool in phase.session.tools
        if (why := why_not_by_rules(tool))
    ]
    if problems:
        raise UsageError(problems)
