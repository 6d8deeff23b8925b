"""Starting anew: ledger, attempts and merged outputs of a job move to a backup folder."""

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from harness.base.clock import SystemClock
from harness.base.removal import remove_tree
from harness.base.texts import shown
from harness.cli.looks import items_here, look_here, problems_here
from harness.cli.output import say
from harness.evaluation.bounded import Bounded
from harness.job.change import Change
from harness.job.job import Job
from harness.ledger.job_queries import name_of, planned
from harness.ledger.lock import JobLock, refuse_if_held
from harness.ledger.spool import waiting
from harness.planning.changes import changes_since
from harness.planning.choice import Choice
from harness.planning.preconditions import Again, check, reading, refuse
from harness.planning.selections import read_items
from harness.supervisor.backup import backup
from harness.supervisor.state_folder import make_state_folder

_REHEARSALS_KEPT = 3


def must_start_anew(job: Job, choice: Choice) -> None:
    """Before anything is moved: UsageError or JobHeldError when the job could not start from nothing."""
    refuse_if_held(job.state)
    with closing(Bounded()) as bounded:
        look = look_here(job, bounded, in_full=len(job.phases) > 1)
        refuse(check(job, reading(job, look).items, choice, replace(look, starts_over=True)))


def must_be_able_to_start(job: Job, choice: Choice) -> None:
    """Of a new job with several phases: better now than when its second phase begins, at night. UsageError."""
    if len(job.phases) > 1:
        refuse(problems_here(job, items_here(job).items, choice, Again(), in_full=True))


def is_there_anything(job: Job) -> bool:
    """Is there something of this job, or of this rehearsal, that a reset would move?"""
    return job.home.ledger.exists() or any(job.home.attempts.glob("*"))


def reset_now(job: Job, why: str = "") -> None:
    """Move everything to a backup, and say so, behind `why`. Of rehearsals the last three backups are kept."""
    clock = SystemClock()
    make_state_folder(job)
    unheard = ", ".join(posted.request.verb for posted in waiting(job.home.control))
    with JobLock(job.home.lock, clock):
        folder = backup(job, clock.now().strftime("%Y%m%dT%H%M%SZ"))
    say(f"{f'{why}: starting over; ' if why else ''}moved the previous state to {shown(folder)}")
    if unheard:
        say(f"pending requests went with it: {unheard}; repeat them if still wanted")
    if job.rehearsal:
        for old in _backups(job)[:-_REHEARSALS_KEPT]:
            remove_tree(old)


def _backups(job: Job) -> Sequence[Path]:
    """Those that a reset has made, the oldest first; a folder that a person named otherwise is none."""
    ours = re.compile(rf"{re.escape(job.state.name)}\.backup-\d{{8}}T\d{{6}}Z(-\d+)?")
    return sorted(path for path in job.state.parent.iterdir() if ours.fullmatch(path.name))


def what_is_new(job: Job) -> list[Change]:
    """What has changed about a rehearsed job since it was planned; empty when it goes on as it is."""
    with planned(job.home.ledger) as db:
        if db is None:
            return []
        name = name_of(db)
        renamed = [] if name == job.name else [Change("job_renamed", before=repr(name), now=repr(job.name))]
        return [*renamed, *changes_since(job, db, read_items(job).items).listed()]
