"""Items of a later phase that two items make under the same id: a session's slip, or a fault of the manifest.

One id belongs to whoever was accepted with it first; the other one is rejected, struck, and told. But where three items
are without an id of their own, and no more than these have one, the manifest asks for something that is not unique
(`id: .sentiment`): then nobody is struck and nothing is told to a session; the run stops.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.faults import BROKEN_CHECK
from harness.core.item_ids import folded
from harness.core.types import Accepted, Fault, Judgement, Rejected, Verdict
from harness.job.job import PhaseSpec
from harness.ledger.makers import maker_of, makers, places_taken
from harness.supervisor.run_context import Setting

_TOO_MANY: Final = 3


@dataclass(frozen=True, slots=True)
class _Clash:
    phase: PhaseSpec
    item: ItemId
    maker: str
    id: str

    def in_words(self) -> str:
        return (
            f"phase {self.phase.name}: {self.maker!r:.80} and {str(self.item)!r:.80} both make {self.id!r:.80}; "
            f"each needs an id of its own at {self.phase.id or '.id'} (items.id)"
        )


def without_clashes(setting: Setting, judgement: Judgement) -> Judgement:
    """The judgement, in which an item whose records make an item that another one has made already is rejected.

    Nothing can come between this look and the commit that accepts the rest, so the first one accepted has the id.
    """
    judgement = replace(judgement, verdicts={i: _without_kept(setting, i, v) for i, v in judgement.verdicts.items()})
    clashes = list(_clashes(setting, judgement.verdicts))
    told: dict[ItemId, list[Reason]] = {}
    for clash in clashes:
        told.setdefault(clash.item, []).append(Reason(clash.in_words(), "duplicate_id"))
    verdicts = {
        item: Rejected(tuple(told[item])) if item in told else verdict for item, verdict in judgement.verdicts.items()
    }
    for phase in {clash.phase.number for clash in clashes} | set(setting.clashing):
        here = setting.clashing.setdefault(phase, set())
        here -= {item for item, verdict in verdicts.items() if isinstance(verdict, Accepted)}
        here |= {clash.item for clash in clashes if clash.phase.number == phase}
    for clash in clashes:
        if _is_the_manifest(setting, clash.phase.number, verdicts):
            return _stopped(judgement, clash, len(setting.clashing[clash.phase.number]))
    return replace(judgement, verdicts=verdicts)


def _without_kept(setting: Setting, item: ItemId, verdict: Verdict) -> Verdict:
    """The verdict without those items of a batch plan that an earlier plan of this item has made, and that are done."""
    if not isinstance(verdict, Accepted):
        return verdict
    db, kept = setting.ledger.db, dict(verdict.made)
    for number, several in verdict.made.items():
        exact = setting.job.phase(number).exact
        kept[number] = tuple(
            each for each in several if not (each.planned and maker_of(db, number, each.id, exact=exact) == item)
        )
    behind = {number: taken for number in kept if (taken := places_taken(db, number, item))}
    return replace(verdict, made=kept, behind=behind)


def _clashes(setting: Setting, verdicts: Mapping[ItemId, Verdict]) -> Iterator[_Clash]:
    """In item order. An item that clashes makes nothing, so that none clashes with it."""
    made_here: dict[tuple[int, str], str] = {}
    for item, verdict in verdicts.items():
        if not isinstance(verdict, Accepted):
            continue
        new: dict[tuple[int, str], str] = {}
        found = []
        for number, several in verdict.made.items():
            for each in several:
                exact = setting.job.phase(number).exact
                same = (number, folded(each.id, exact=exact))
                maker = made_here.get(same) or maker_of(setting.ledger.db, number, each.id, exact=exact)
                if maker is not None:
                    found.append(_Clash(setting.job.phase(number), item, maker, each.id))
                new[same] = item
        yield from found
        if not found:
            made_here |= new


def _is_the_manifest(setting: Setting, phase: int, verdicts: Mapping[ItemId, Verdict]) -> bool:
    without = len(setting.clashing[phase])
    if without < _TOO_MANY:
        return False
    here = [verdict for verdict in verdicts.values() if isinstance(verdict, Accepted) and verdict.made.get(phase)]
    return without >= len(here) + makers(setting.ledger.db, phase)


def _stopped(judgement: Judgement, clash: _Clash, without: int) -> Judgement:
    detail = (
        f"{clash.in_words()}, and {without} items have none. Several items cannot be made into one: choose an id that "
        "is unique, such as .id, or work on the merged file in a job of its own"
    )
    nothing: Verdict = Rejected(("not judged: items.id of a later phase is not unique",))
    fault = Fault(BROKEN_CHECK, "config", detail)
    return replace(judgement, verdicts=dict.fromkeys(judgement.verdicts, nothing), broken_check=fault)
