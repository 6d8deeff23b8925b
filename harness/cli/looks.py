"""Looks at a job from the command line, before anything starts: with the clock and the sandbox of this machine."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

from harness.base.errors import Problem
from harness.core.types import Item
from harness.evaluation.bounded import Bounded
from harness.executors.containment import choose, in_words
from harness.job.change import Change
from harness.job.job import Job
from harness.ledger.job_queries import planned
from harness.ledger.loss import refuse_lost
from harness.planning import preconditions
from harness.planning.changes import Changes, changes_since
from harness.planning.choice import Choice
from harness.planning.preconditions import Again, Look, check_before
from harness.planning.warnings import warnings_of
from harness.sources.read import Reading
from harness.views.change_text import change_line, worded
from harness.views.wording import clean, clean_lines, listed


def look_here(job: Job, bounded: Bounded, *, in_full: bool) -> Look:
    """As this machine is now."""
    return Look(datetime.now(UTC), bounded, in_full=in_full, sandbox=partial(choose, job))


def items_here(job: Job) -> Reading:
    """The items. UsageError with what is wrong with them, and with what can be said without them."""
    with closing(Bounded()) as bounded:
        return preconditions.reading(job, look_here(job, bounded, in_full=False))


def problems_here(job: Job, items: Sequence[Item], choice: Choice, again: Again, *, in_full: bool) -> list[Problem]:
    """Every problem that keeps this job from starting now."""
    with closing(Bounded()) as bounded:
        return check_before(job, items, choice, again, look_here(job, bounded, in_full=in_full))


def warnings_here(job: Job, items: Sequence[Item]) -> list[str]:
    """Also what the sandbox of this machine does not hold."""
    return [*warnings_of(job, items), *in_words(choose(job), job)]


def changes_here(job: Job, items: Sequence[Item]) -> Changes:
    """What has changed since the job was planned; nothing when it was not."""
    refuse_lost(job.state)
    with planned(job.home.ledger) as db:
        return changes_since(job, db, items) if db is not None else Changes()


def refusals(job: Job, items: Sequence[Item], again: Again) -> Iterator[str]:
    """What a launch would say of a plan, which is shown nevertheless."""
    changes = changes_here(job, items)
    if job.rehearsal and changes.listed():
        yield f"the next rehearsal will start over: {why_anew(changes.listed())}"
    for problem in map(worded, problems_here(job, items, Choice(), again, in_full=False)):
        hint = f"\n  hint: {problem.hint}" if problem.hint else ""
        yield clean_lines(f"`launch` would refuse: {problem.message}{hint}")


def why_anew(changes: Sequence[Change]) -> str:
    """`the job has changed (session.prompt has changed)`."""
    return f"the job has changed ({clean(listed([change_line(each) for each in changes]))})"
