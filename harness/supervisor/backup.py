"""Moves a job's state and outputs away, so that it can start anew."""

import itertools
import shutil
from pathlib import Path

from harness.base import error_file
from harness.base.files import make_folder, sync_folder
from harness.job.job import Job


def backup(job: Job, stamp: str) -> Path:
    """Move ledger, artifacts, attempts, progress and merged outputs into a backup folder; the caller holds the lock.

    Outputs go into the state folder first, which is then renamed as a whole: a kill before that rename leaves a job
    that goes on and merges again, a kill after it leaves a job that starts anew.
    """
    folder = _unused(job.state.with_name(f"{job.state.name}.backup-{stamp}"))
    outputs = job.written
    errors = job.folder / error_file.NAME
    beside = [job.folder / "batch_progress.json", *([errors] if error_file.is_ours(errors) else [])]
    targets = [*outputs, *([] if job.rehearsal or job.instance else beside)]
    for target in targets:
        if target.exists() and not target.is_relative_to(job.state):
            start = job.folder if target.is_relative_to(job.folder) else target.anchor
            kept = job.state / "outputs-before-reset" / target.relative_to(start)
            make_folder(kept.parent)
            shutil.move(target, kept)
    job.state.rename(folder)
    sync_folder(folder.parent)
    return folder


def _unused(folder: Path) -> Path:
    """The same name, or with a number behind it when it is taken."""
    names = (folder.with_name(f"{folder.name}-{number}") for number in itertools.count(2))
    return folder if not folder.exists() else next(name for name in names if not name.exists())
