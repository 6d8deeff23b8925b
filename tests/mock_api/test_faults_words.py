"""What may be written after --faults, and what is said about the rest."""

import pytest

from harness.base.errors import UsageError
from harness.rehearsal.fault_orders import FaultOrder, parse_faults
from harness.rehearsal.injected_faults import INJECTED_FAULTS


def test_every_part_has_its_place() -> None:
    assert parse_faults("529:2, limit=20@3,refusal:*/S0007,stall, no_file@2:4") == (
        FaultOrder("529", 2, 1, None, None, "529:2"),
        FaultOrder("limit", 1, 3, None, 20.0, "limit=20@3"),
        FaultOrder("refusal", None, 1, "S0007", None, "refusal:*/S0007"),
        FaultOrder("stall", 1, 1, None, None, "stall"),
        FaultOrder("no_file", 4, 2, None, None, "no_file@2:4"),
    )


def test_an_item_id_may_hold_any_sign() -> None:
    (order,) = parse_faults("refusal/a:b@2=c/d\\,e")
    assert order.item == "a:b@2=c/d,e"


def test_nothing_is_no_order() -> None:
    assert parse_faults("") == parse_faults(" , ") == ()


def test_every_fault_can_be_ordered() -> None:
    assert [order.name for order in parse_faults(",".join(INJECTED_FAULTS))] == list(INJECTED_FAULTS)


def test_all_problems_are_told_at_once_and_the_likely_word_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        parse_faults("refusl,529:x,stall=3,limit=a,hang@0,cut/,empty:1:2,529:2,529:2")
    texts = [str(problem) for problem in caught.value.problems]
    assert caught.value.exit_code == 2
    for expected in (
        "'refusl': unknown fault 'refusl'\n  hint: did you mean 'refusal'?",
        "'529:x': expected a number of times, or *, from 1, got 'x'",
        "'stall=3': stall takes no seconds",
        "'limit=a': expected seconds such as 20 or 2.5, got 'a'",
        "'hang@0': expected the number of a session from 1, got '0'",
        "'cut/': expected an item id after /",
        "'empty:1:2': : is given twice",
        "'529:2' is given twice",
    ):
        assert any(expected in text for text in texts), expected
    assert len(texts) == 8
