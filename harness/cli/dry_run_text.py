"""What `launch --dry-run` prints: what a launch would do, with synthetic records in place of sessions."""

from collections.abc import Sequence
from datetime import UTC, datetime

from harness import api
from harness.cli.outline import outline
from harness.core.money import in_words as money
from harness.core.money import to_micro
from harness.core.reserve import reservation
from harness.core.types import Item
from harness.job.job import Job
from harness.planning.batches import batches_of
from harness.planning.choice import Choice
from harness.planning.dry_run import Tried, Untried
from harness.planning.preconditions import Again, refuse
from harness.views.fault_words import fault_text
from harness.views.reason_words import text_of
from harness.views.wording import clean, counted


async def dry_run(job: Job, choice: Choice, again: Again) -> tuple[list[str], list[Tried]]:
    """Lines to print, and what came of the checks. UsageError for all that a launch would refuse."""
    plan = await api.plan(job, choice=choice, again=again, in_full=True)
    refuse(plan.problems)
    items = plan.selection.chosen
    tried = await api.try_checks(job, items)
    lines = list(outline(job, plan.selection, datetime.now(UTC)))
    lines += [f"warning   {clean(warning)}" for warning in plan.warnings]
    lines += [f"checks    {clean(each.phase)}: {tried_in_words(each)}" for each in tried]
    estimate = f"estimate  {_estimate(job, items)}"
    return [*lines, estimate, "dry run   no session was started, nothing was written"], tried


def tried_in_words(tried: Tried) -> str:
    if tried.untried:
        return f"not tried: {_untried(tried.untried)}"
    if tried.broken:
        return f"broken: {clean(fault_text(tried.broken.why))}"
    what = (
        counted(tried.items, "record") + " of your samples"
        if tried.has_samples
        else counted(tried.items, "synthetic record")
    )
    if not tried.rejected:
        return f"{what} passed"
    why = clean(text_of(tried.rejected[0]))
    told = f"{len(tried.rejected):,} of {what} rejected"
    if tried.has_samples:
        return f"{told}: {why}"
    if tried.has_scene:
        return f"{told}, which says nothing about the scene's records ({why}); `harness rehearse` plays them"
    return f"{told}; real ones may pass: {why}"


def _untried(why: Untried) -> str:
    match why.kind:
        case "no_item":
            return "no synthetic item can be made for it"
        case "no_record":
            return f"no synthetic record can be made: {clean(why.error)}"
        case "not_of_scene":
            raised = clean(fault_text(why.fault.why)) if why.fault is not None else "?"
            return f"a check raised at a synthetic record, which the scene may never play ({raised})"


def _estimate(job: Job, items: Sequence[Item]) -> str:
    """How many sessions there are at the least, and for how many the budget is there whatever they cost."""
    sessions = len(batches_of(job, items))
    known = [f"{counted(sessions, 'session')} in {job.phases[0].name}"]
    for phase in job.phases[1:]:
        top = phase.select.top if phase.select is not None else None
        most = f"at most {counted(-(-top // phase.batch_size), 'session')}" if top else "as many as its items need"
        known.append(f"{most} in {phase.name}")
    dearest = max(reservation(job, phase) for phase in job.phases)
    if job.budget is None or not dearest:
        return "; ".join(known)
    budget = to_micro(job.budget)
    pays = f"{money(budget)} covers {budget // dearest:,} at {money(dearest)} each, more if they cost less"
    return "; ".join([*known, pays])
