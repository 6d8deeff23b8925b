"""What one session may spend, and what is set aside for it before it starts."""

from decimal import Decimal

from harness.core.models import asked_by
from harness.core.money import to_micro
from harness.core.prices import worst_response_usd
from harness.job.job import Job, PhaseSpec


def cost_cap(job: Job) -> Decimal | None:
    """What one session may spend by itself: `budget_per_session`, or a tenth of the budget."""
    if job.budget_per_session is not None:
        return job.budget_per_session
    return job.budget / 10 if job.budget is not None else None


def reservation(job: Job, phase: PhaseSpec) -> int:
    """Micro-dollars set aside for one session: its cap plus one worst response, because the CLI's own cap overshoots
    by a whole response; at a terminal by two. A program of the user's reserves only what `budget_per_session` says."""
    if not phase.session.kind.costs_money:
        return to_micro(job.budget_per_session or Decimal(0))
    responses = phase.session.kind.reserved_responses
    return to_micro((cost_cap(job) or Decimal(0)) + responses * worst_of(job, phase))


def worst_of(job: Job, phase: PhaseSpec) -> Decimal:
    """The dearest response of the dearest model that may answer; 0 when none of them has a price."""
    worst = (worst_response_usd(name, job.max_output) for name in asked_by(phase.session).names)
    return max((each for each in worst if each is not None), default=Decimal(0))


def most_cost(job: Job, phase: PhaseSpec) -> int | None:
    """Micro-dollars that no session can exceed, whatever its stream says: its cap and three worst responses, and three
    caps for a model without a price. None where nothing caps it, and for a program of the user's."""
    cap = cost_cap(job)
    if cap is None or not phase.session.kind.costs_money:
        return None
    return to_micro(cap + 3 * (worst_of(job, phase) or cap))


def turns_cap(job: Job, phase: PhaseSpec) -> int | None:
    """Most turns of one session: its own `max_turns`, or a tenth of the job's cap."""
    if phase.session.max_turns is not None or job.bounds.caps.turns is None:
        return phase.session.max_turns
    return max(1, job.bounds.caps.turns // 10)
