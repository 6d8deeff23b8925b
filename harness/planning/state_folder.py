"""The state folder of a job: made before a run, and moved away when the job starts over."""

import itertools
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.base import error_file
from harness.base.clock import SystemClock
from harness.base.files import make_folder, refuse_shared, sync_folder, write_private
from harness.base.removal import remove_tree
from harness.job.job import Job
from harness.ledger.lock import JobLock
from harness.ledger.spool import waiting

_REHEARSALS_KEPT = 3


@dataclass(frozen=True, slots=True)
class StartedOver:
    """Where the previous state is now, and the requests that nobody will answer any more."""

    backup: Path
    unheard: tuple[str, ...]


def make_state_folder(job: Job) -> None:
    """The folders of a job, private. BrokenSetupError for one that was there and belongs to another user."""
    for folder in (job.state, *job.home.folders):
        make_folder(folder)
    for folder in (job.state.parent, job.state, *job.home.folders):
        refuse_shared(folder)
    ignored = job.state.parent / ".gitignore"
    if not (ignored.exists() and ignored.stat().st_size):  # a job in git is its manifest, not gigabytes of attempts
        write_private(ignored, b"*\n")


def has_state(job: Job) -> bool:
    """Is there something of this job, or of this rehearsal, that starting over would move?"""
    return job.home.ledger.exists() or any(job.home.attempts.glob("*"))


def start_over(job: Job) -> StartedOver:
    """Move everything to a backup folder. Of rehearsals the last three backups are kept. JobHeldError."""
    clock = SystemClock()
    make_state_folder(job)
    unheard = tuple(posted.request.verb for posted in waiting(job.home.control))
    with JobLock(job.home.lock, clock):
        folder = backup(job, clock.now().strftime("%Y%m%dT%H%M%SZ"))
    if job.rehearsal:
        for old in _backups(job)[:-_REHEARSALS_KEPT]:
            remove_tree(old)
    return StartedOver(folder, unheard)


def _backups(job: Job) -> Sequence[Path]:
    """Those that a reset has made, the oldest first; a folder that a person named otherwise is none."""
    ours = re.compile(rf"{re.escape(job.state.name)}\.backup-\d{{8}}T\d{{6}}Z(-\d+)?")
    return sorted(path for path in job.state.parent.iterdir() if ours.fullmatch(path.name))


def backup(job: Job, stamp: str) -> Path:
    """Move ledger, artifacts, attempts, progress and merged outputs into a backup folder; the caller holds the lock.

    Outputs go into the state folder first, which is then renamed as a whole: a kill before that rename leaves a job
    that goes on and merges again, a kill after it leaves a job that starts anew.
    """
    named = job.state.with_name(f"{job.state.name}.backup-{stamp}")
    others = (named.with_name(f"{named.name}-{number}") for number in itertools.count(2))
    folder = next(each for each in itertools.chain([named], others) if not each.exists())
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
