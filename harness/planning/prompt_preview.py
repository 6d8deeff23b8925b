"""What a session would be told, rendered before anything starts."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from difflib import get_close_matches
from pathlib import Path

from harness.base.artifacts import ArtifactStore
from harness.base.errors import Problem, UsageError
from harness.base.ids import AttemptId
from harness.core.types import Item
from harness.core.work import Rendered, Work
from harness.job.job import Job
from harness.ledger import entry_queries, group_queries, run_queries
from harness.ledger.contents import contents_of
from harness.ledger.job_queries import planned
from harness.planning.batches import batches_of
from harness.planning.later_phases import later_work
from harness.planning.work import work_of
from harness.prompts.render import render

WorkPath = Callable[[Path], str]
"""The work folder of an attempt folder, as a session sees it."""


def prompt_of(job: Job, items: Sequence[Item], phase: str, work_path: WorkPath) -> Rendered | None:
    """What a session of the phase would be told; without a name, the next session. UsageError for an unknown name."""
    named = next((each for each in job.phases if each.name == phase), None)
    if phase and named is None:
        names = [each.name for each in job.phases]
        near = get_close_matches(phase, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        raise UsageError([Problem("--phase", f"unknown phase {phase!r}", hint)])
    if named is not None and named.from_ is not None:
        return _rendered(job, later_work(job, items, named), AttemptId(1), work_path)
    with planned(job.home.ledger) as db:
        if db is not None:
            return _next_prompt(job, db, work_path)
    batch = batches_of(job, items)[0]
    work = Work(job.phases[0], batch.ref, batch.items, (batch.first, batch.last))
    return _rendered(job, work, AttemptId(1), work_path)


def _next_prompt(job: Job, db: sqlite3.Connection, work_path: WorkPath) -> Rendered | None:
    """Of the next session, exactly; None when no group is ready."""
    group = group_queries.next_ready(db)
    if group is None:
        return None
    with closing(contents_of(job.home.ledger)) as contents:
        store = ArtifactStore(job.home.artifacts, contents)
        work = work_of(job, db, store, group, entry_queries.last_seq(db) + 1)
    return _rendered(job, work, run_queries.run_state(db).next_attempt, work_path)


def _rendered(job: Job, work: Work, attempt: AttemptId, work_path: WorkPath) -> Rendered:
    folder = job.home.attempt(attempt, work.batch.phase, work.batch.number, work.batch.part)
    path = f"{work_path(folder)}/{work.output.file}"
    return render(work, job.vars, path, job.derived_from(work.phase.number))
