"""Duplicate ids among derived items: two items of a phase make an item of a later phase under the same id.

The first item that was accepted keeps the id. The other one is rejected and gets a strike. But if three items have
found no free id, and no more than three have found one, the manifest's id expression is not unique (`id: .sentiment`):
then no item gets a strike, no session is told, and the run stops.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.fault_kinds import FaultKind
from harness.core.item_ids import folded
from harness.core.messages import Message
from harness.core.types import Accepted, Fault, Judgement, Rejected, Verdict
from harness.job.job import Job, PhaseSpec
from harness.ledger.makers import maker_of, makers, places_taken
from harness.ledger.store import Ledger

_TOO_MANY: Final = 3


@dataclass(frozen=True, slots=True)
class _Duplicate:
    """`item` made `id` for `phase`, and `maker` has made it before."""

    phase: PhaseSpec
    item: ItemId
    maker: str
    id: str

    def reason(self) -> Reason:
        facts = {"phase": self.phase.name, "item": str(self.item), "maker": self.maker, "id": self.id}
        return Reason("row_made_twice", {**facts, "path": self.phase.id or ".id"})


class DuplicateIds:
    """Rejects items that made a duplicate id. Remembers, for one run, which items have found no free id so far."""

    def __init__(self, job: Job, ledger: Ledger) -> None:
        self._job = job
        self._ledger = ledger
        self._without: dict[int, set[ItemId]] = {}
        """Phase -> items that make items of it, and have found no free id in this run."""

    def rejected_in(self, judgement: Judgement) -> Judgement:
        """The judgement, in which an item whose records make an item that another one has made already is rejected.

        Nothing can come between this look and the commit that accepts the rest, so the first one accepted has the id.
        """
        judgement = replace(judgement, verdicts={i: self._without_kept(i, v) for i, v in judgement.verdicts.items()})
        duplicates = list(self._duplicates(judgement.verdicts))
        reasons: dict[ItemId, list[Reason]] = {}
        for duplicate in duplicates:
            reasons.setdefault(duplicate.item, []).append(duplicate.reason())
        verdicts = {
            item: Rejected(tuple(reasons[item])) if item in reasons else verdict
            for item, verdict in judgement.verdicts.items()
        }
        self._remember(duplicates, verdicts)
        for duplicate in duplicates:
            if self._is_the_manifest(duplicate.phase.number, verdicts):
                return _stopped(judgement, duplicate, len(self._without[duplicate.phase.number]))
        return replace(judgement, verdicts=verdicts)

    def _without_kept(self, item: ItemId, verdict: Verdict) -> Verdict:
        """The verdict without those items of a batch plan that an earlier plan of this item has made, and that are
        done."""
        if not isinstance(verdict, Accepted):
            return verdict
        db, kept = self._ledger.db, dict(verdict.derived)
        for number, several in verdict.derived.items():
            exact = self._job.phase(number).exact
            kept[number] = tuple(
                each for each in several if not (each.planned and maker_of(db, number, each.id, exact=exact) == item)
            )
        behind = {number: taken for number in kept if (taken := places_taken(db, number, item))}
        return replace(verdict, derived=kept, behind=behind)

    def _duplicates(self, verdicts: Mapping[ItemId, Verdict]) -> Iterator[_Duplicate]:
        """In item order. An item with a duplicate id makes nothing, so none of the others can duplicate its ids."""
        derived_here: dict[tuple[int, str], str] = {}
        for item, verdict in verdicts.items():
            if not isinstance(verdict, Accepted):
                continue
            new: dict[tuple[int, str], str] = {}
            found = []
            for number, several in verdict.derived.items():
                for each in several:
                    exact = self._job.phase(number).exact
                    same = (number, folded(each.id, exact=exact))
                    maker = derived_here.get(same) or maker_of(self._ledger.db, number, each.id, exact=exact)
                    if maker is not None:
                        found.append(_Duplicate(self._job.phase(number), item, maker, each.id))
                    new[same] = item
            yield from found
            if not found:
                derived_here |= new

    def _remember(self, duplicates: list[_Duplicate], verdicts: Mapping[ItemId, Verdict]) -> None:
        accepted = {item for item, verdict in verdicts.items() if isinstance(verdict, Accepted)}
        for phase in {duplicate.phase.number for duplicate in duplicates} | set(self._without):
            here = self._without.setdefault(phase, set())
            here -= accepted
            here |= {duplicate.item for duplicate in duplicates if duplicate.phase.number == phase}

    def _is_the_manifest(self, phase: int, verdicts: Mapping[ItemId, Verdict]) -> bool:
        without = len(self._without[phase])
        if without < _TOO_MANY:
            return False
        here = [
            verdict for verdict in verdicts.values() if isinstance(verdict, Accepted) and verdict.derived.get(phase)
        ]
        return without >= len(here) + makers(self._ledger.db, phase)


def _stopped(judgement: Judgement, duplicate: _Duplicate, without: int) -> Judgement:
    why = Message("ids_not_unique", {**duplicate.reason().facts, "without": without})
    nothing: Verdict = Rejected(())
    fault = Fault(FaultKind.BROKEN_CHECK, "config", (why,))
    return replace(judgement, verdicts=dict.fromkeys(judgement.verdicts, nothing), broken_check=fault)
