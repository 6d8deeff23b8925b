"""The laws of the one retry rule."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from math import ceil, log2
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.ids import ItemId, Sha
from harness.base.reason import Reason
from harness.base.slices import Slice
from harness.core import settle as settling
from harness.core.events import (
    AttemptEnded,
    GroupQueued,
    ItemAccepted,
    ItemFailed,
    ItemReturned,
    UsageSettled,
)
from harness.core.fault_kinds import FaultKind
from harness.core.open_attempt import Member, Open
from harness.core.rejections import of_fault
from harness.core.run_events import HoldPlaced
from harness.core.settle import MOST_BREAKDOWNS, MOST_CHECKS_RAISED, recover, settle
from harness.core.types import (
    Blame,
    Ending,
    Fault,
    Judgement,
    Rejected,
    SessionFacts,
    Verdict,
)
from tests.core.settling import BAD, GOOD, MISSING, NOW, a_fault, an_attempt, failed, queued, settled, struck
from tests.covers import covers


@covers("F196")
def test_good_records_of_a_partly_good_group_are_accepted_and_the_rest_goes_together_with_one_strike_each() -> None:
    events = settled(an_attempt([0, 0, 0]), [GOOD, BAD, MISSING])
    assert [event.item for event in events if isinstance(event, ItemAccepted)] == ["i0"]
    assert struck(events) == ["i1", "i2"]
    assert queued(events) == [("retry", ("i1", "i2"))]


def test_an_item_one_strike_short_goes_alone() -> None:
    events = settled(an_attempt([1, 0, 1]), [BAD, BAD, GOOD])
    assert queued(events) == [("retry", ("i1",)), ("alone", ("i0",))]
    assert [event.group for event in events if isinstance(event, GroupQueued)] == [10, 11]


@covers("F179", "F185", "A21")
def test_the_last_strike_is_earned_alone_and_fails_the_item() -> None:
    events = settled(an_attempt([2]), [BAD])
    assert struck(events) == ["i0"]
    assert failed(events) == ["i0"]
    assert queued(events) == []


def test_with_one_strike_allowed_nobody_is_struck_in_company() -> None:
    events = settled(an_attempt([0, 0], allowed=1), [BAD, GOOD])
    assert struck(events) == []
    assert [event.item for event in events if isinstance(event, ItemReturned)] == ["i0"]
    assert queued(events) == [("alone", ("i0",))]


@pytest.mark.parametrize(
    ("kind", "blame"),
    [
        (FaultKind.USAGE_LIMIT, "provider"),
        (FaultKind.OVERLOADED, "provider"),
        (FaultKind.CRASHED, "host"),
        (FaultKind.CANCELLED, "operator"),
        (FaultKind.AUTH, "config"),
    ],
)
def test_a_fault_that_is_nobodys_here_costs_no_strike_and_keeps_the_place_in_the_queue(
    kind: FaultKind, blame: Blame
) -> None:
    events = settled(an_attempt([0, 2]), [MISSING, MISSING], a_fault(kind, blame))
    assert struck(events) == []
    assert queued(events) == [("again", ("i0", "i1"))]
    assert all(event.tries == 0 for event in events if isinstance(event, GroupQueued))


def test_O14_a_valid_file_counts_whatever_became_of_the_session() -> None:
    events = settled(an_attempt([0]), [GOOD], a_fault(FaultKind.USAGE_LIMIT, "provider"))
    assert [type(event) for event in events] == [ItemAccepted, UsageSettled, HoldPlaced, AttemptEnded]


def test_a_session_that_was_cut_short_but_got_something_accepted_strikes_nobody() -> None:
    events = settled(an_attempt([0, 2, 0]), [GOOD, BAD, MISSING], a_fault(FaultKind.TURN_LIMIT, "session"))
    assert struck(events) == []
    assert queued(events) == [("retry", ("i2",)), ("alone", ("i1",))]


def test_a_whole_failure_is_repeated_once_per_batch_and_then_halved() -> None:
    first = settled(an_attempt([0] * 5), [MISSING] * 5)
    assert queued(first) == [("repeated", ("i0", "i1", "i2", "i3", "i4"))]
    second = settled(an_attempt([0] * 5, repeated=True), [MISSING] * 5)
    assert queued(second) == [("halved", ("i0", "i1", "i2")), ("halved", ("i3", "i4"))]
    assert struck(first) == struck(second) == []


@pytest.mark.parametrize("kind", [FaultKind.REFUSED, FaultKind.TOO_LONG, FaultKind.OUTPUT_LIMIT])
def test_P13_P14_P15_refused_too_long_and_cut_answers_are_halved_at_once(kind: FaultKind) -> None:
    events = settled(an_attempt([0, 0]), [MISSING, MISSING], a_fault(kind, "session"))
    assert queued(events) == [("halved", ("i0",)), ("halved", ("i1",))]


@covers("A29")
@pytest.mark.parametrize("kind", [FaultKind.REFUSED, FaultKind.TOO_LONG])
def test_P13_P14_alone_and_refused_or_too_long_is_failed_at_once(kind: FaultKind) -> None:
    events = settled(an_attempt([0]), [MISSING], a_fault(kind, "session"))
    assert failed(events) == ["i0"]
    assert queued(events) == []


def test_alone_a_whole_failure_is_the_items_strike() -> None:
    events = settled(an_attempt([0]), [MISSING], a_fault(FaultKind.TURN_LIMIT, "session"))
    assert struck(events) == ["i0"]
    assert queued(events) == [("retry", ("i0",))]


def test_a_no_strike_fault_is_believed_three_times_while_others_end_well() -> None:
    for no_strike_retries, others_well, is_transient in [(2, True, True), (3, False, True), (3, True, False)]:
        attempt = an_attempt([0], no_strike_retries=no_strike_retries, others_well=others_well)
        events = settled(attempt, [MISSING], a_fault(FaultKind.CRASHED, "host"))
        assert (struck(events) == []) == is_transient


def test_a_group_that_was_believed_three_times_goes_behind_the_others() -> None:
    """Else it would be first in the queue for ever, and the others never get the chance to prove that all is well."""
    tries = []
    for no_strike_retries in range(4):
        events = settled(
            an_attempt([0], no_strike_retries=no_strike_retries), [MISSING], a_fault(FaultKind.CRASHED, "host")
        )
        tries += [event.tries for event in events if isinstance(event, GroupQueued)]
    assert tries == [0, 0, 1, 1]


@pytest.mark.parametrize("fault", [None, a_fault(FaultKind.TURN_LIMIT, "session")])
def test_a_group_that_left_nothing_usable_is_told_why_and_nobody_is_struck(fault: Fault | None) -> None:
    unreadable = Rejected((Reason("not_json", {"file": "output.json", "problem": "x"}),), missing=True)
    events = settled(an_attempt([0, 0]), [unreadable, unreadable], fault)
    told = [(event.item, event.rejections) for event in events if isinstance(event, ItemReturned)]
    before = [of_fault(fault)] if fault else []
    assert told == [(item, (*before, *unreadable.reasons)) for item in ("i0", "i1")]
    assert struck(events) == []


def test_a_group_that_was_refused_is_cut_and_told_nothing() -> None:
    events = settled(an_attempt([0, 0]), [MISSING, MISSING], a_fault(FaultKind.REFUSED, "session"))
    assert [event for event in events if isinstance(event, ItemReturned)] == []


def test_a_group_whose_breakdowns_were_doubted_stays_doubted_with_all_that_comes_of_it() -> None:
    """What breaks sessions may be all that is left: then no other can end well any more, and it would go for ever."""
    attempt = an_attempt([0, 0], no_strike_retries=3, others_well=True)
    for repeated, why in ((False, ["repeated"]), (True, ["halved", "halved"])):
        events = settled(replace(attempt, batch_repeated=repeated), [MISSING] * 2, a_fault(FaultKind.CRASHED, "host"))
        again = [event for event in events if isinstance(event, GroupQueued)]
        assert [(event.why, event.suspected, event.no_strike_retries) for event in again] == [
            (each, True, 0) for each in why
        ]
    assert struck(settled(an_attempt([0], suspected=True), [MISSING], a_fault(FaultKind.CRASHED, "host"))) == ["i0"]
    failed = settled(an_attempt([2], suspected=True), [MISSING], a_fault(FaultKind.CRASHED, "host"))
    assert [event.item for event in failed if isinstance(event, ItemFailed)] == ["i0"]


def test_who_breaks_down_while_others_withstand_it_is_the_cause() -> None:
    """The others may all be done before the third time: what they did since the first one counts too."""
    attempt = an_attempt([0], no_strike_retries=3, withstood=True)
    assert struck(settled(attempt, [MISSING], a_fault(FaultKind.CRASHED, "host"))) == ["i0"]
    assert struck(settled(attempt, [MISSING], a_fault(FaultKind.OVERLOADED, "provider"))) == []


def test_who_goes_on_breaking_down_after_that_has_stopped_a_run_is_the_cause() -> None:
    """When all others are done, no other can end well; that somebody launched again says that the machine is well."""
    for breakdowns, is_transient in ((MOST_BREAKDOWNS - 1, True), (MOST_BREAKDOWNS, False)):
        events = settled(
            an_attempt([0], no_strike_retries=9, breakdowns=breakdowns), [MISSING], a_fault(FaultKind.CRASHED, "host")
        )
        assert (struck(events) == []) == is_transient
    of_others = settled(
        an_attempt([0], no_strike_retries=99, breakdowns=99), [MISSING], a_fault(FaultKind.OVERLOADED, "provider")
    )
    assert struck(of_others) == []


def test_what_the_provider_does_to_a_doubted_group_is_believed_as_always() -> None:
    events = settled(an_attempt([0], suspected=True), [MISSING], a_fault(FaultKind.OVERLOADED, "provider"))
    assert struck(events) == []
    assert [(event.suspected, event.no_strike_retries) for event in events if isinstance(event, GroupQueued)] == [
        (True, 1)
    ]


@pytest.mark.parametrize("kind", [FaultKind.SUPERVISOR_LOST, FaultKind.USAGE_LIMIT])
def test_the_loss_of_the_supervisor_and_the_accounts_limit_are_believed_for_ever(kind: FaultKind) -> None:
    attempt = an_attempt([0], no_strike_retries=9, others_well=True)
    blame: Blame = "host" if kind == FaultKind.SUPERVISOR_LOST else "provider"
    assert struck(settled(attempt, [MISSING], a_fault(kind, blame))) == []


def test_O12_a_broken_check_concludes_nothing() -> None:
    attempt = an_attempt([0, 0])
    verdicts: dict[ItemId, Verdict] = {member.id: GOOD for member in attempt.members}
    judgement = Judgement(verdicts, True, broken_check=a_fault(FaultKind.BROKEN_CHECK, "config"))
    ending = Ending((), (), None, SessionFacts(), timedelta(0))
    events = settle(attempt, ending, judgement, {}, NOW)
    assert [type(event) for event in events] == [UsageSettled, GroupQueued, AttemptEnded]


@pytest.mark.parametrize(("before", "stops"), [(0, False), (1, False), (2, True)])
def test_a_check_that_raises_where_none_is_known_to_work_costs_no_strike_and_is_broken_the_third_time(
    before: int, stops: bool
) -> None:
    attempt = replace(an_attempt([2, 2], allowed=3), checks_raised=before)
    odd = Rejected((Reason("check_raised", {"message": "x"}),))
    verdicts: dict[ItemId, Verdict] = {ItemId("i0"): odd, ItemId("i1"): MISSING}
    judgement = Judgement(verdicts, True, raised_check=a_fault(FaultKind.CHECK_RAISED, "config"))
    events = settle(attempt, Ending((), (), None, SessionFacts(), timedelta(0)), judgement, {}, NOW)
    assert not struck(events) and not failed(events)
    (again,) = [event for event in events if isinstance(event, GroupQueued)]
    (ended,) = [event for event in events if isinstance(event, AttemptEnded)]
    assert (again.items, again.why) == (("i0", "i1"), "again")
    assert (again.tries, ended.fault, ended.outcome) == (
        (0, "broken_check", "stopped") if stops else (1, "check_raised", "no_strike")
    )
    assert [event.item for event in events if isinstance(event, ItemReturned)] == ([] if stops else ["i0"])


def test_checks_that_raised_before_are_nothing_to_an_attempt_on_which_none_did() -> None:
    (ended,) = [
        event
        for event in settled(replace(an_attempt([0]), checks_raised=MOST_CHECKS_RAISED), [GOOD])
        if isinstance(event, AttemptEnded)
    ]
    assert (ended.fault, ended.outcome) == (None, "succeeded")


@pytest.mark.parametrize(
    ("last", "broken", "complete"), [(GOOD, False, True), (BAD, False, False), (GOOD, True, False)]
)
def test_a_judgement_is_complete_when_every_record_is_good_and_no_check_is_broken(
    last: Verdict, broken: bool, complete: bool
) -> None:
    fault = a_fault(FaultKind.BROKEN_CHECK, "config") if broken else None
    judgement = Judgement({ItemId("i0"): GOOD, ItemId("i1"): last}, True, broken_check=fault)
    assert judgement.is_complete() is complete


@pytest.mark.parametrize("before", [0, MOST_CHECKS_RAISED - 1])
def test_a_limit_is_held_for_also_when_a_check_raised(before: int) -> None:
    attempt = replace(an_attempt([0]), checks_raised=before)
    judgement = Judgement({ItemId("i0"): BAD}, True, raised_check=a_fault(FaultKind.CHECK_RAISED, "config"))
    ending = Ending((), (), a_fault(FaultKind.USAGE_LIMIT, "provider"), SessionFacts(), timedelta(0))
    events = settle(attempt, ending, judgement, {}, NOW)
    assert any(isinstance(event, HoldPlaced) for event in events) and not struck(events)


@pytest.mark.parametrize(
    ("kind", "blame", "used_tools"),
    [(FaultKind.CRASHED, "host", False), (FaultKind.USAGE_LIMIT, "provider", True), (FaultKind.AUTH, "config", True)],
)
def test_a_check_that_raises_over_a_breakdown_or_a_claim_does_not_count_towards_a_broken_check(
    kind: FaultKind, blame: Blame, used_tools: bool
) -> None:
    attempt = replace(an_attempt([0]), checks_raised=MOST_CHECKS_RAISED - 1)
    judgement = Judgement({ItemId("i0"): BAD}, True, raised_check=a_fault(FaultKind.CHECK_RAISED, "config"))
    fault = replace(a_fault(kind, blame), evidence={"used_tools": used_tools})
    events = settle(attempt, Ending((), (), fault, SessionFacts(), timedelta(0)), judgement, {}, NOW)
    (ended,) = [event for event in events if isinstance(event, AttemptEnded)]
    assert (ended.fault, ended.outcome, struck(events)) == (kind, "no_strike", [])


@pytest.mark.parametrize("cost", [None, Decimal("NaN"), Decimal("-1"), Decimal("Infinity")])
def test_P17_an_unknown_or_senseless_cost_is_charged_as_the_reservation(cost: Decimal | None) -> None:
    usage = next(e for e in settled(an_attempt([0]), [GOOD], cost=cost) if isinstance(e, UsageSettled))
    assert (usage.charged_microusd, usage.known) == (500_000, False)


@pytest.mark.parametrize(
    ("told", "counted", "charged", "known"),
    [
        ("0.1", "0.3", 300_000, True),
        ("0.3", "0.1", 300_000, True),
        (None, "0.1", 500_000, False),
        (None, "0.7", 700_000, False),
    ],
)
def test_P17_the_higher_of_what_was_told_and_what_we_counted_is_charged(
    told: str | None, counted: str, charged: int, known: bool
) -> None:
    facts = SessionFacts(cost_usd=Decimal(told) if told else None, counted_usd=Decimal(counted))
    ending = Ending((), (), None, facts, timedelta(seconds=3))
    attempt = an_attempt([0])
    judgement = Judgement({attempt.members[0].id: MISSING}, usable=False)
    usage = next(e for e in settle(attempt, ending, judgement, {}, NOW) if isinstance(e, UsageSettled))
    assert (usage.charged_microusd, usage.known) == (charged, known)
    assert (usage.told_microusd, usage.counted_microusd) == (
        int(float(told) * 1e6) if told else None,
        int(float(counted) * 1e6),
    )


def test_a_fraction_of_a_micro_dollar_is_rounded_up() -> None:
    usage = next(e for e in settled(an_attempt([0]), [GOOD], cost=Decimal("0.0000001")) if isinstance(e, UsageSettled))
    assert usage.charged_microusd == 1


@given(
    size=st.integers(1, 40),
    poisoned=st.sets(st.integers(0, 39), max_size=3),
    refuses=st.booleans(),
)
def test_failed_attempts_that_touch_one_item_are_bounded_and_only_the_poisoned_fail(
    size: int, poisoned: set[int], refuses: bool
) -> None:
    """Acceptance 5 in the small: whole failures while a poisoned item is in the group, on the pure core alone."""
    poison = {f"i{n}" for n in poisoned if n < size}
    strikes = {f"i{n}": 0 for n in range(size)}
    touched = {f"i{n}": 0 for n in range(size)}
    queue, repeated, done, failed_items = [list(strikes)], False, set[str](), set[str]()
    while queue:
        group = queue.pop(0)
        base = an_attempt([0] * len(group), repeated=repeated)
        members = tuple(Member(ItemId(item), strikes[item], item, item) for item in group)
        attempt = Open(**{name: getattr(base, name) for name in Open.__slots__} | {"members": members})
        is_bad = bool(poison & set(group))
        fault = a_fault(FaultKind.REFUSED, "session") if is_bad and refuses else None
        events = settled(attempt, [MISSING if is_bad else GOOD] * len(group), fault)
        for item in group:
            touched[item] += is_bad
        done |= {event.item for event in events if isinstance(event, ItemAccepted)}
        failed_items |= set(failed(events))
        for item in struck(events):
            strikes[item] += 1
        for event in events:
            if isinstance(event, GroupQueued):
                repeated = repeated or event.why == "repeated"
                queue.append(list(event.items))
    assert failed_items == poison
    assert done == set(strikes) - poison
    assert max(touched.values()) <= ceil(log2(size)) + 4


def test_an_attempt_judged_once_more_accepts_and_nothing_else() -> None:
    attempt = an_attempt([2, 3, 1])
    by_item: dict[ItemId, Verdict] = {ItemId("i0"): GOOD, ItemId("i1"): BAD, ItemId("i2"): MISSING}
    judgement, spans = Judgement(by_item, usable=True), {ItemId("i0"): Slice(Sha("s"), 0, 1)}
    events = recover(attempt.attempt, attempt.batch, attempt.members, judgement, spans)
    assert events == [ItemAccepted(7, 1, "i0", "s", 0, 1, 1, rejudged=True)]
    broken = Judgement(by_item, usable=True, broken_check=a_fault(FaultKind.BROKEN_CHECK, "config"))
    assert recover(attempt.attempt, attempt.batch, attempt.members, broken, spans) == []


def test_only_this_module_accepts_strikes_and_fails() -> None:
    package = Path(settling.__file__).parents[1]
    pattern = re.compile(r"\bItem(?:Accepted|Struck|Failed)\((?!\))")
    makers = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if pattern.search(path.read_text())
    }
    assert makers == {"core/settle.py"}


def test_H01_a_full_disk_strikes_nobody_however_often_and_stops_the_job() -> None:
    events = settled(
        an_attempt([0, 0], no_strike_retries=9, others_well=True), [GOOD, MISSING], a_fault(FaultKind.DISK, "host")
    )
    assert [event.item for event in events if isinstance(event, ItemAccepted)] == ["i0"]
    assert struck(events) == []
    assert queued(events) == [("again", ("i1",))]
    assert [event.outcome for event in events if isinstance(event, AttemptEnded)] == ["stopped"]
