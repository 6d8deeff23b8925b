"""Judges records of the simulation with the product's own parser and matching, without child processes."""

from collections.abc import Callable, Mapping, Sequence

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.fault_kinds import FaultKind
from harness.core.messages import told
from harness.core.types import (
    Accepted,
    Artifact,
    Fault,
    Item,
    Json,
    Judgement,
    Rejected,
    Verdict,
)
from harness.core.work import Produced, Work
from harness.job.batch_plan import NO_PACE, Pace
from harness.job.job import PhaseSpec
from harness.outputs.match import Matched, match
from harness.outputs.parse import Unparsed, parse


def made_of(item: str) -> list[dict[str, str | int]]:
    """The items that a good record of `item` makes, where a phase makes items."""
    return [
        {"id": f"{item}.{number}", "score": (int(item[1:4]) * 5 + number * 3) % 7}
        for number in range(len(item) % 3 + int(item[1:4]) % 3)
    ]


def batches_of(item: str) -> list[tuple[str, ...]]:
    """The batches of the plan in a good record of `item`: its derived items by two."""
    made = [str(each["id"]) for each in made_of(item)]
    return [tuple(made[at : at + 2]) for at in range(0, len(made), 2)]


class SimulatedJudge:
    """A record is good when it says so."""

    def __init__(
        self,
        making: Callable[[int], Sequence[PhaseSpec]],
        has_accepted: Callable[[int], bool] = lambda phase: True,
        pace: Pace = NO_PACE,
    ) -> None:
        """`pace` is that of the plan in every record."""
        self._pace = pace
        self._making = making
        self._has_accepted = has_accepted

    async def __call__(self, store: ArtifactStore, work: Work, produced: Produced) -> Judgement:
        matched = self._matched(store, work, produced.artifacts)
        verdicts = {item.id: self._verdict(work, matched.records.get(item.id)) for item in work.items}
        usable = bool(matched.records or matched.rejected)
        return Judgement(verdicts, usable, matched.invented, raised_check=self._doubt(work, matched, verdicts))

    def _doubt(self, work: Work, matched: Matched, verdicts: Mapping[ItemId, Verdict]) -> Fault | None:
        """An odd record makes the check raise; it is known to work by what it accepts here, or has accepted before."""
        odd = any(record.get("odd") for group in matched.records.values() for record in group)
        works = any(isinstance(verdict, Accepted) for verdict in verdicts.values())
        if not odd or works or self._has_accepted(work.batch.phase):
            return None
        return Fault(FaultKind.CHECK_RAISED, "config", (told("the check raised"),))

    def _matched(self, store: ArtifactStore, work: Work, artifacts: Sequence[Artifact]) -> Matched:
        parsed = parse(store.get(artifacts[0].sha), work.output) if artifacts else Unparsed(Reason("file_missing"))
        if isinstance(parsed, Unparsed):
            return Matched()
        return match(parsed.found, [item.id for item in work.items], work.output)

    def _verdict(self, work: Work, records: tuple[Json, ...] | None) -> Verdict:
        if not records:
            return Rejected((Reason.said("missing"),), missing=True)
        if any(record.get("odd") for record in records):
            return Rejected((Reason.said("the check cannot look at it"),))
        if not all(record["ok"] for record in records):
            return Rejected((Reason.said("wrong"),))
        made = {
            phase.number: tuple(
                Item(ItemId(each["id"]), each, planned=1 + at // 2 if phase.plan else 0)
                for record in records
                for at, each in enumerate(record["makes"])
            )
            for phase in self._making(work.batch.phase)
        }
        paced = {phase.number: self._pace for phase in self._making(work.batch.phase) if phase.plan}
        return Accepted(records, made, paced if self._pace != NO_PACE else {})
