"""Batches that accepted records give: the batch plan in them, with every flaw as a reason for the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.base.ids import ItemId
from harness.base.paths import MISSING, read_path
from harness.base.reason import Reason
from harness.core.types import Json
from harness.job.batch_plan import NO_PACE, Pace, read_plan
from harness.job.job import PhaseSpec
from harness.job.plan_flaws import Flaw


@dataclass(frozen=True, slots=True)
class GivenPlan:
    """What the plans in one item's records say. `number_of`: id -> batch, from 1; `places`: id -> place in order."""

    number_of: Mapping[ItemId, int]
    places: Mapping[ItemId, int]
    pace: Pace
    reasons: tuple[Reason, ...]


def plan_in(phase: PhaseSpec, records: Sequence[Json]) -> GivenPlan:
    """The plans at `phase.plan` of these records, one behind the other; of several paces the slower one."""
    number_of: dict[ItemId, int] = {}
    reasons: list[Reason] = []
    pace, before = NO_PACE, 0
    for record in records:
        value = read_path(record, phase.plan or ".")
        if value is MISSING:
            reasons.append(Reason("plan_missing", {"path": phase.plan}, phase.plan))
            continue
        plan, flaws = read_plan(value, phase.noun)
        reasons += [_reason(phase.plan or ".", flaw) for flaw in flaws]
        for id_, number in plan.number_of().items():
            number_of.setdefault(ItemId(id_), before + number)
        before += len(plan.batches)
        pace = slower(pace, plan.pace)
    return GivenPlan(number_of, {id_: place for place, id_ in enumerate(number_of)}, pace, tuple(reasons))


def slower(one: Pace, other: Pace) -> Pace:
    """The smaller of each bound."""
    return Pace(_least(one.starts_per_minute, other.starts_per_minute), _least(one.at_once, other.at_once))


def _least(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _reason(top: str, flaw: Flaw) -> Reason:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in flaw.path)
    at = f"{top.rstrip('.')}{steps}" or "."
    return Reason("plan_flaw", {"flaw": flaw.kind, **flaw.facts}, at)
