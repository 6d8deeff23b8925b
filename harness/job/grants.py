"""What a job would run on this machine and let out of it: the list that a person trusts a folder with.

The list names things, not their contents: an edited check is the same grant, a second one is a new grant. The words of
a command are its name, because `sh -c TEXT` is a program too.
"""

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.evaluation.check_sandbox import Allowed
from harness.job.job import Job, PhaseSpec
from harness.job.tools import RUNNING

Kind = Literal[
    "program", "check", "helper", "scene", "freedom", "tool", "sandbox", "variable", "setting", "files", "merge"
]

_SAYS: dict[Kind, str] = {
    "program": "runs {how}: {what} (its sessions)",
    "check": "runs {how}: {what} (a check)",
    "helper": "runs {how}: {what} (prints the key)",
    "scene": "runs {how}: {what} (the scene of rehearsals)",
    "freedom": "lets out of the sandbox of checks and scenes: {what}",
    "tool": "lets sessions run programs: {what}",
    "sandbox": "runs sessions without a kernel sandbox: {what}",
    "variable": "passes from your environment: {what}",
    "setting": "sets for sessions: {what}",
    "files": "shows to sessions: {what}",
    "merge": "writes outside its folder: {what}",
}
OWN_FILES = "./"
"""The grant of files of the folder that the manifest names one by one; which they are may change."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of the list. `what` is what is remembered; `shown` says more where that is coarse."""

    kind: Kind
    what: str
    shown: str = ""
    is_sandboxed: bool = False
    """A check or scene that runs in the sandbox, where this machine has one; `is_read_only`: and changes no file."""
    is_read_only: bool = False

    @property
    def key(self) -> str:
        return f"{self.kind} {self.what}"

    def in_words(self, *, has_sandbox: bool = False) -> str:
        """`has_sandbox`: this machine has one for checks and scenes."""
        how = "as you"
        if self.is_sandboxed and has_sandbox:
            how = "in the sandbox, read-only" if self.is_read_only else "in the sandbox"
        return _SAYS[self.kind].format(how=how, what=self.shown or self.what)


def grants_of(jobs: Sequence[Job]) -> tuple[Grant, ...]:
    """What these readings of one manifest (the real one, the rehearsal) would do together, each once."""
    found = {grant.key: grant for job in jobs for grant in _grants(job)}
    own = dict.fromkeys(name for job in jobs for name in _own_files(job))
    if own:
        found["own"] = Grant("files", OWN_FILES, ", ".join(own))
    return tuple(sorted(found.values(), key=lambda grant: tuple(_SAYS).index(grant.kind)))


def _grants(job: Job) -> Iterator[Grant]:
    for phase in job.phases:
        yield from _of_phase(job, phase)
    if job.helper is not None:
        yield Grant("helper", _words(job, job.helper.command))
        yield from (Grant("variable", f"${name}") for name in job.helper.env)
    named = (*job.keys.required, *job.keys.optional)
    yield from (Grant("variable", f"${name}") for name in named if _runs_programs(job))
    if job.scene is not None:
        yield _program(job, "scene", _relative(job, job.scene), job.scene_allow)
        yield from _freedoms(_relative(job, job.scene), job.scene_allow)
    if job.sandbox not in ("auto", "bubblewrap"):
        yield Grant("sandbox", job.sandbox)
    yield from _files(job)


def _runs_programs(job: Job) -> bool:
    """Programs that would get its keys."""
    checks = (check for phase in job.phases for check in phase.output.checks)
    return any(phase.session.command for phase in job.phases) or any(c.python or c.command for c in checks)


def _of_phase(job: Job, phase: PhaseSpec) -> Iterator[Grant]:
    session = phase.session
    if session.command:
        yield Grant("program", _words(job, session.command))
    for check in phase.output.checks:
        if check.python is not None:
            yield _program(job, "check", _relative(job, check.python[0]), check.allow)
            yield from _freedoms(_relative(job, check.python[0]), check.allow)
        if check.command is not None:
            yield _program(job, "check", _words(job, check.command), check.allow)
            yield from _freedoms(_words(job, check.command), check.allow)
    yield from (Grant("tool", tool) for tool in session.tools if tool.split("(")[0] in RUNNING)
    for name, value in session.env.items():
        if value.startswith("$"):
            yield Grant("variable", value if value == f"${name}" else f"{value} as {name}")
        else:
            yield Grant("setting", f"{name}={value}")
    if phase.output.merge is not None and not _is_inside(job, phase.output.merge):
        yield Grant("merge", str(phase.output.merge))


def _program(job: Job, kind: Kind, what: str, allowed: Allowed) -> Grant:
    is_sandboxed = job.sandbox not in ("off", "permissions") and "everything" not in allowed
    return Grant(kind, what, is_sandboxed=is_sandboxed, is_read_only="write" not in allowed)


def _freedoms(what: str, allowed: Allowed) -> Iterator[Grant]:
    """Each of its own: a check that needs one more asks once more."""
    yield from (Grant("freedom", f"{what}: {freedom}") for freedom in sorted(allowed))


def _files(job: Job) -> Iterator[Grant]:
    """Patterns and folders as they are written; what lies elsewhere, links followed, by its path."""
    if job.items.files is not None:
        yield Grant("files", job.items.trusted or job.items.files)
    for file in (*job.named, *job.readable):
        if not _is_inside(job, file):
            yield Grant("files", os.path.realpath(file))
        elif file.is_dir():
            yield Grant("files", f"{_relative(job, file)}/")


def _own_files(job: Job) -> Iterator[str]:
    """Files of the folder that are named one by one."""
    for file in (*job.named, *job.readable):
        if _is_inside(job, file) and not file.is_dir():
            yield _relative(job, file)


def _is_inside(job: Job, path: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(job.folder)


def _words(job: Job, words: Sequence[str]) -> str:
    return shlex.join(_relative(job, Path(word)) if word.startswith(f"{job.folder}/") else word for word in words)


def _relative(job: Job, path: Path) -> str:
    return path.relative_to(job.folder).as_posix() if path.is_relative_to(job.folder) else str(path)
