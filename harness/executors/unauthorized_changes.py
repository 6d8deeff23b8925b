"""Notices what changed while a session ran although it was not the session's to change."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.core.work import AttemptSpec
from harness.executors.attempt_folder import AttemptFolder
from harness.job.job import Job

Look = tuple[int, int, int] | None
"""Inode, size, time of the last change (which, other than the time of writing, nobody can set); None = not there."""


def guarded(folder: AttemptFolder, spec: AttemptSpec, job: Job, *, is_kernel_sandbox: bool) -> dict[str, Path]:
    """Name -> path of everything that must not change: what the attempt was given, and without a kernel sandbox what
    the job was made of. Files that the supervisor writes itself while sessions run are not among them: the ledger has
    its chain of hashes, each merge its hash, each artifact its name.
    """
    paths = [folder.spec, folder.prompt, *folder.given, folder.input]
    paths += sorted(folder.input.iterdir()) if folder.input.exists() else ()
    named = {f"its own {path.relative_to(folder.root)}": path for path in paths}
    if is_kernel_sandbox:
        return named
    made_of = [job.manifest, job.items.file, job.items.match, job.scene, *job.readable]
    made_of += [job.folder / phase.session.prompt_name for phase in job.phases]
    made_of += [item.file for item in spec.items]
    return named | {_name(path, job.folder): path for path in made_of if path is not None and not path.is_dir()}


def looks(paths: Mapping[str, Path]) -> dict[str, Look]:
    """How each of them looks now; links are not followed. About 2 µs each."""
    return {name: _look(path) for name, path in paths.items()}


def trespasses(before: Mapping[str, Look], after: Mapping[str, Look]) -> Iterator[str]:
    """One note for each change."""
    for name, look in before.items():
        if after[name] != look:
            what = "appeared" if look is None else "was removed" if after[name] is None else "was changed"
            yield f"trespass: {name} {what} while this session ran"


def _look(path: Path) -> Look:
    try:
        seen = os.lstat(path)
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_ctime_ns


def _name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
