"""What a run of a job would do, and what speaks against it: looked at before anything starts."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.base.errors import Problem, UsageError
from harness.core.types import Item
from harness.evaluation.bounded import Bounded
from harness.job.job import Job
from harness.ledger.job_queries import planned
from harness.ledger.loss import refuse_lost
from harness.planning import queue
from harness.planning.changes import Changes, changes_since
from harness.planning.choice import Choice
from harness.planning.preconditions import Again, Look, check, check_before, reading
from harness.planning.queue import Planned
from harness.planning.select import Selection
from harness.planning.selections import to_be_worked_on
from harness.planning.warnings import warnings_of

Weaknesses = Callable[[], list[str]]
"""What the sandbox of this machine does not hold; UsageError where the job can have none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would run, and what speaks against it."""

    groups: tuple[Planned, ...]
    """In their order; those of a job that was planned before come from its ledger."""
    items: tuple[Item, ...]
    """Of the source, in order."""
    selection: Selection
    """Which of them are worked on, and why the others are not."""
    changes: Changes
    """Since the job was planned."""
    problems: tuple[Problem, ...]
    """What `run` would refuse, but for keys and credential."""
    warnings: tuple[str, ...]


def plan_of(job: Job, choice: Choice, again: Again, weaknesses: Weaknesses, *, in_full: bool) -> Plan:
    """`in_full`: also what takes long is tried. UsageError when the items cannot be read or selected, with what can be
    said without them; LedgerDamagedError for a ledger that was lost."""
    with closing(Bounded()) as bounded:
        look = Look(datetime.now(UTC), bounded, in_full=in_full, sandbox=weaknesses)
        found = reading(job, look)
        problems = check_before(job, found.items, choice, again, look)
    refuse_lost(job.state)
    with planned(job.home.ledger) as db:
        changes = changes_since(job, db, found.items) if db is not None else Changes()
    try:
        selection = to_be_worked_on(job, found.items)
    except UsageError as error:
        raise UsageError(list(dict.fromkeys([*problems, *error.problems]))) from None
    groups = queue.planned_groups(job, selection.chosen)
    if again.add:
        groups += queue.groups_to_add(job, changes)
    warnings = (*found.warnings, *warnings_of(job, selection.chosen), *_told(weaknesses))
    return Plan(tuple(groups), tuple(found.items), selection, changes, tuple(problems), warnings)


def problems_of_job(
    job: Job, choice: Choice, again: Again, weaknesses: Weaknesses, *, starts_over: bool = False
) -> list[Problem]:
    """The problems of such a plan, in full. `starts_over`: what the job has written is moved away first."""
    with closing(Bounded()) as bounded:
        look = Look(datetime.now(UTC), bounded, in_full=True, starts_over=starts_over, sandbox=weaknesses)
        try:
            items = reading(job, look).items
        except UsageError as error:
            return list(error.problems)
        return check(job, items, choice, look) if starts_over else check_before(job, items, choice, again, look)


def _told(weaknesses: Weaknesses) -> list[str]:
    try:
        return weaknesses()
    except UsageError:  # one of the problems
        return []
