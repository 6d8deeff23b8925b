"""Laws of items that make the same id: the first that is accepted has it."""

from collections.abc import Mapping, Sequence

from harness.base.ids import ItemId
from harness.core.events import ItemAdded
from harness.core.messages import Message
from harness.core.types import Accepted, Item, Judgement, Rejected, Verdict
from harness.supervisor.run_context import RunContext
from tests.simulation.script import Script
from tests.supervisor.conftest import MakeRun

CHAIN = Script(items=7, phases=2, makes_items=True)


def _judged(run: RunContext, makes: Mapping[str, Sequence[str]]) -> Judgement:
    """Item -> the ids that its record makes."""
    made = {item: tuple(Item(ItemId(id_), {}) for id_ in ids) for item, ids in makes.items()}
    verdicts: dict[ItemId, Verdict] = {ItemId(item): Accepted(({},), {2: items}) for item, items in made.items()}
    return run.duplicate_ids.rejected_in(Judgement(verdicts, usable=True))


def _rejected(judgement: Judgement) -> dict[str, list[tuple[str, object, object]]]:
    return {
        item: [(reason.kind, reason.facts["maker"], reason.facts["path"]) for reason in verdict.reasons]
        for item, verdict in judgement.verdicts.items()
        if isinstance(verdict, Rejected)
    }


def test_of_two_items_that_make_one_id_the_first_has_it(a_run: MakeRun) -> None:
    judgement = _judged(a_run(CHAIN), {"i0": ["x", "y"], "i1": ["z"], "i2": ["a", "y", "x"]})
    assert _rejected(judgement) == {"i2": [("row_made_twice", "i0", ".id")] * 2}
    assert judgement.broken_check is None


def test_an_item_that_is_rejected_takes_no_id_from_another(a_run: MakeRun) -> None:
    judgement = _judged(a_run(CHAIN), {"i0": ["x"], "i1": ["x", "y"], "i2": ["y"]})
    assert list(_rejected(judgement)) == ["i1"]


def test_what_an_earlier_plan_of_an_item_has_made_is_kept_and_not_made_twice(a_run: MakeRun) -> None:
    run = a_run(CHAIN)
    run.ledger.record(ItemAdded(2, "x", "i0", "i0", "00000000.0004", 1, {}, "", planned=1))
    made = tuple(Item(ItemId(id_), {}, planned=1) for id_ in ("x", "y"))
    verdicts: dict[ItemId, Verdict] = {ItemId(item): Accepted(({},), {2: made[:1]}) for item in ("i1", "i2")}
    verdicts[ItemId("i0")] = Accepted(({},), {2: made})
    judged = run.duplicate_ids.rejected_in(Judgement(verdicts, usable=True))
    kept = judged.verdicts[ItemId("i0")]
    assert isinstance(kept, Accepted) and (kept.derived, kept.behind) == ({2: made[1:]}, {2: 5})
    assert list(_rejected(judged)) == ["i1", "i2"], "for others the id is taken"


def test_three_items_without_an_id_of_their_own_and_no_more_with_one_are_a_broken_manifest(a_run: MakeRun) -> None:
    run = a_run(CHAIN)
    assert _judged(run, {"i0": ["x"], "i1": ["x"], "i2": ["x"]}).broken_check is None
    broken = _judged(run, {"i3": ["x"], "i4": ["x"]}).broken_check
    assert broken is not None and broken.kind == "broken_check"
    facts = {"phase": "phase2", "maker": "i3", "item": "i4", "id": "x", "path": ".id", "without": 3}
    assert broken.why == (Message("ids_not_unique", facts),)


def test_three_items_without_an_id_among_more_that_have_one_are_rejected_alone(a_run: MakeRun) -> None:
    judgement = _judged(
        a_run(CHAIN), {"i0": ["x"], "i1": ["y"], "i2": ["x"], "i3": ["x"], "i4": ["z"], "i5": ["z"], "i6": ["w"]}
    )
    assert list(_rejected(judgement)) == ["i2", "i3", "i5"]
    assert judgement.broken_check is None
