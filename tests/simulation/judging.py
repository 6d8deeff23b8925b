"""Judges records of the simulation with the product's own parser and matching, without child processes."""

from collections.abc import Callable, Sequence

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId
from harness.core.types import (
    Accepted,
    Artifact,
    AttemptSpec,
    Item,
    Json,
    Judgement,
    OutputFault,
    Rejected,
    Verdict,
)
from harness.job.job import PhaseSpec
from harness.outputs.match import Matched, match
from harness.outputs.parse import Unparsed, parse


def made_of(item: str) -> list[dict[str, str]]:
    """The items that a good record of `item` makes, where a phase makes items."""
    return [{"id": f"{item}.{number}"} for number in range(len(item) % 3 + int(item[1:4]) % 3)]


class SimulatedJudge:
    """A record is good when it says so."""

    def __init__(self, store: ArtifactStore, making: Callable[[int], Sequence[PhaseSpec]]) -> None:
        self._store = store
        self._making = making

    async def __call__(
        self, spec: AttemptSpec, artifacts: Sequence[Artifact], output_faults: Sequence[OutputFault]
    ) -> Judgement:
        matched = self._matched(spec, artifacts)
        verdicts = {item.id: self._verdict(spec, matched.records.get(item.id)) for item in spec.items}
        return Judgement(verdicts, usable=bool(matched.records or matched.rejected), invented=matched.invented)

    def _matched(self, spec: AttemptSpec, artifacts: Sequence[Artifact]) -> Matched:
        parsed = parse(self._store.get(artifacts[0].sha), spec.output) if artifacts else Unparsed("nothing is there")
        if isinstance(parsed, Unparsed):
            return Matched()
        return match(parsed.found, [item.id for item in spec.items], spec.output)

    def _verdict(self, spec: AttemptSpec, records: tuple[Json, ...] | None) -> Verdict:
        if not records:
            return Rejected(("missing",), missing=True)
        if not all(record["ok"] for record in records):
            return Rejected(("wrong",))
        made = tuple(Item(ItemId(each["id"]), each) for record in records for each in record["makes"])
        return Accepted(records, {phase.number: made for phase in self._making(spec.batch.phase)})
