"""What `plan --mounts` prints: everything that sessions of each phase would see of this machine."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.backends.registry import exposed
from harness.backends.start_request import View
from harness.base.errors import Problem, UsageError
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.bubblewrap import mounts_of, path_inside
from harness.executors.containment import choose
from harness.executors.sandbox import Mount
from harness.job.job import Job, PhaseSpec
from harness.views.wording import clean

_OWN = "its own folder"


@dataclass(frozen=True, slots=True)
class Seen:
    """The mounts of one phase in their order: later ones lie over earlier ones."""

    phase: str
    mounts: tuple[Mount, ...]


def seen_by_phase(job: Job) -> tuple[str, list[Seen]]:
    """The sandbox in words, and what it shows; no mounts where there is no kernel sandbox. UsageError as at a launch,
    and for a program that is not there."""
    containment = choose(job)
    if not containment.is_kernel_sandbox:
        return containment.describe(), []
    folder = AttemptFolder.of(job, job.home.attempts / "NUMBER")
    found = []
    for phase in job.phases:
        try:
            argv = containment.wrap(folder, exposed(job, phase, os.environ)).argv
        except FileNotFoundError as error:
            raise UsageError([Problem(f"phase {phase.name}", f"program {error.filename!r} not found")]) from None
        given = [mount for mount in mounts_of(argv) if not mount.source.startswith(str(folder.root))]
        found.append(Seen(phase.name, (*_own(job, phase, folder, containment.view(folder)), *given)))
    return containment.describe(), found


def _own(job: Job, phase: PhaseSpec, folder: AttemptFolder, view: View) -> Iterator[Mount]:
    for mount in folder.mounts:
        yield Mount("writable" if mount.is_writable else "read-only", path_inside(mount), _OWN)
    yield Mount("writable", view.tmp, _OWN)
    if phase.session.asks_model:
        yield Mount("writable", view.config, _OWN)
    if job.items.files is not None:
        yield Mount("read-only", view.input, "copies of its items")


def mount_lines(job: Job, says: str, seen: Sequence[Seen]) -> Iterator[str]:
    """One block for phases that see the same."""
    yield f"{clean(job.name)}: {clean(says)}"
    if not seen:
        yield "  no mounts: sessions see what you see"
    for mounts in dict.fromkeys(each.mounts for each in seen):
        names = [clean(each.phase) for each in seen if each.mounts == mounts]
        yield f"  {', '.join(names)}:"
        yield from (f"    {mount.kind:<10} {clean(_words(mount))}" for mount in mounts)


def _words(mount: Mount) -> str:
    if mount.source == os.devnull:
        return f"{mount.path} (hidden)"
    return mount.path if mount.source in ("", mount.path) else f"{mount.path} <- {mount.source}"


def mounts_as_json(job: Job, says: str, seen: Sequence[Seen]) -> dict[str, Any]:
    return {"schema_version": 1, "job": job.name, "sandbox": says, "phases": [asdict(each) for each in seen]}
