"""Notices what changed while a session ran although it was not the session's to change."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core.messages import Message, message
from harness.core.work import AttemptSpec
from harness.executors.attempt_folder import AttemptFolder
from harness.job.job import Job

FileStamp = tuple[int, int, int] | None
"""Inode, size, time of the last change (which, other than the time of writing, nobody can set); None = not there."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A file that must not change: one that the attempt was given (`is_own`), relative to its folder, or one of the
    job, relative to the job folder where it lies in it."""

    path: str
    is_own: bool


def guarded(folder: AttemptFolder, spec: AttemptSpec, job: Job, *, is_kernel_sandbox: bool) -> dict[Guarded, Path]:
    """The path of everything that must not change: what the attempt was given, and without a kernel sandbox what
    the job was made of. Files that the supervisor writes itself while sessions run are not among them: the ledger has
    its chain of hashes, each merge its hash, each artifact its name.
    """
    paths = [folder.spec, folder.prompt, *folder.given, folder.input]
    paths += sorted(folder.input.iterdir()) if folder.input.exists() else ()
    own = {Guarded(str(path.relative_to(folder.root)), is_own=True): path for path in paths}
    if is_kernel_sandbox:
        return own
    made_of = [job.manifest, job.items.file, job.items.match, job.scene, *job.readable]
    made_of += [job.folder / phase.session.prompt_name for phase in job.phases]
    made_of += [item.file for item in spec.items]
    return own | {
        Guarded(_name(path, job.folder), is_own=False): path
        for path in made_of
        if path is not None and not path.is_dir()
    }


def looks(paths: Mapping[Guarded, Path]) -> dict[Guarded, FileStamp]:
    """How each of them looks now; links are not followed. About 2 µs each."""
    return {name: _look(path) for name, path in paths.items()}


def changes(before: Mapping[Guarded, FileStamp], after: Mapping[Guarded, FileStamp]) -> Iterator[Message]:
    """One note for each change."""
    for each, look in before.items():
        if after[each] != look:
            change = "created" if look is None else "removed" if after[each] is None else "changed"
            yield message("unauthorized_change", path=each.path, is_own=each.is_own, change=change)


def _look(path: Path) -> FileStamp:
    try:
        seen = os.lstat(path)
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_ctime_ns


def _name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
