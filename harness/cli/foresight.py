"""What `check` and `plan` can say before anything runs: prompts, money, models, and what differs from the plan."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from harness.base.commands import NextCommand
from harness.base.errors import Problem, UsageError
from harness.cli.foretold import warnings_of
from harness.cli.later_phases import problems_ahead
from harness.cli.preview import Planned, new_groups, read_items, to_be_worked_on
from harness.cli.reset import why_anew
from harness.core.models import FALLS_BACK_TO, canonical
from harness.core.prices import known_names, price_of
from harness.core.types import Item
from harness.evaluation.bounded import Bounded
from harness.executors.containment import choose, in_words
from harness.executors.sandbox import Containment
from harness.job.job import Job
from harness.job.load import ManifestError
from harness.job.pydantic_errors import nearest
from harness.ledger import batch_queries
from harness.ledger.job_queries import planned
from harness.ledger.loss import refuse_lost
from harness.ledger.selection_queries import candidates
from harness.ledger.store import opened_for_reading
from harness.planning.changes import Changes, changes_since, refusal
from harness.planning.job_plan import (
    refuse_bad_prompts,
    refuse_impossible,
    refuse_past_deadline,
    refuse_small_budget,
    refuse_unpriced_fallbacks,
)
from harness.planning.renamed import refuse_renamed
from harness.planning.selections import selected
from harness.planning.silent_prompts import silent_prompts
from harness.planning.workbook_layout import refuse_bad_write_backs
from harness.sources.read import Reading, joined_rows
from harness.views.change_text import worded
from harness.views.wording import clean_lines


def whole_reading(load: Callable[[], Job]) -> tuple[Job, Reading]:
    """The job and its items. UsageError with what is wrong with the manifest, the files that it names and the items:
    one does not hide the other."""
    try:
        job = load()
    except ManifestError as error:
        of_items = _problems(partial(read_items, error.job)) if error.job is not None else []
        raise UsageError([*error.problems, *of_items]) from None
    try:
        return job, read_items(job)
    except UsageError as error:
        looks: list[Callable[[], object]] = [*_looks_without_items(job), partial(choose, job)]
        raise UsageError([*error.problems, *(found for look in looks for found in _problems(look))]) from None


def _looks_without_items(job: Job) -> list[Callable[[], object]]:
    return [
        partial(refuse_unpriced_fallbacks, job),
        partial(refuse_small_budget, job),
        partial(refuse_past_deadline, job, datetime.now(UTC)),
    ]


def _problems(look: Callable[[], object]) -> list[Problem]:
    try:
        look()
    except UsageError as error:
        return list(error.problems)
    return []


def look_ahead(job: Job, items: Sequence[Item]) -> list[str]:
    """Warnings. UsageError for prompts of any phase that would stop the job, for bounds that let nothing start, and for
    tools that the walls of this machine do not hold."""
    walls: list[Containment] = []
    of_selections: list[str] = []
    looks: list[Callable[[], object]] = [
        *_looks_without_items(job),
        partial(refuse_bad_prompts, job, items),
        partial(refuse_bad_write_backs, job, [item.id for item in items]),
        partial(_refuse_impossible, job, items),
        lambda: walls.append(choose(job)),
        partial(_read_joined, job),
        lambda: of_selections.extend(warnings_of(job)),
    ]
    problems = [found for look in looks for found in _problems(look)]
    ahead, untried = problems_ahead(job, items)
    told = {problem.where for problem in problems}  # phases may share a template
    problems += [problem for problem in ahead if problem.where not in told]
    if problems:
        raise UsageError(problems)
    models = (*_unknown_models(job), *_useless_fallbacks(job))
    return [*models, *of_selections, *silent_prompts(job, items), *untried, *in_words(walls[0], job)]


def _read_joined(job: Job) -> None:
    with closing(Bounded()) as bounded:
        joined_rows(job, bounded)


def _refuse_impossible(job: Job, items: Sequence[Item]) -> None:
    with closing(Bounded()) as bounded:
        refuse_impossible(job, items, bounded)


def refuse_bad_prompts_ahead(job: Job) -> None:
    """For a job that is about to be planned: better now than when its second phase begins, at night."""
    if len(job.phases) > 1:
        look_ahead(job, to_be_worked_on(job, read_items(job).items).chosen)


def _unknown_models(job: Job) -> Iterator[str]:
    names = {phase.session.model: phase for phase in reversed(job.phases) if phase.session.model}
    for model, phase in names.items():
        if price_of(model) is None:
            near = nearest(model, known_names())
            where = f" of phase {phase.name}" if len(job.phases) > 1 else ""
            yield (
                f"the model {model!r}{where} is not known to this program{near}; it has no price here, so one worst "
                "response is not reserved for it"
            )


def _useless_fallbacks(job: Job) -> Iterator[str]:
    """Fallbacks that the CLI never goes to."""
    for phase in job.phases:
        model = canonical(phase.session.model or "opus")
        known = FALLS_BACK_TO.get(model, ())
        for name in phase.session.fallback:
            if canonical(name) not in known and price_of(model) is not None:
                does = f"it goes to {' or '.join(known)} only" if known else "it has none"
                yield f"the fallback {name!r} is never used: when {model} refuses, {does}"


def refuse_what_launch_would(job: Job, items: Sequence[Item], launch: NextCommand) -> None:
    """UsageError when the job was planned and has changed since; a rehearsal starts anew then, and is not refused."""
    refuse_renamed(job)
    changes = _changes(job, items)
    if changes.listed() and not job.rehearsal:
        raise UsageError([refusal(job, changes, launch)])


def groups_to_add(job: Job, items: Sequence[Item]) -> list[Planned]:
    """What `launch --add` would plan behind what is there: the items of the source that were not planned yet."""
    changes = _changes(job, items)
    new = (*changes.added, *changes.left_out)
    if not new:
        return []
    with opened_for_reading(job.home.ledger) as db:
        chosen = selected(job, new, candidates(db, 1)[1]).chosen
        last = batch_queries.batches_of_first_phase(db)
    return [
        replace(group, batch=str(last + number), state="new", why="not planned yet")
        for number, group in enumerate(new_groups(job, chosen), 1)
    ]


def unlike_planned(job: Job, items: Sequence[Item], launch: NextCommand) -> Iterator[str]:
    """What differs from the plan, which is still what is shown."""
    changes = _changes(job, items)
    if not changes.listed():
        return
    if job.rehearsal:
        yield f"the next rehearsal will start over: {why_anew(changes.listed())}"
    else:
        problem = worded(refusal(job, changes, launch))
        yield clean_lines(f"a launch would be refused: {problem.message}\n  hint: {problem.hint}")


def _changes(job: Job, items: Sequence[Item]) -> Changes:
    refuse_lost(job.state)
    with planned(job.home.ledger) as db:
        return changes_since(job, db, items) if db is not None else Changes()
