"""The laws of the next step."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from harness.base.ids import GroupId
from harness.core.decide import Snapshot, Start, Stop, Wait, decide
from harness.core.gate import Closed
from harness.core.messages import message

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
FREE = Snapshot(
    next_group=GroupId(1),
    reservation_microusd=400_000,
    needs_lead=False,
    lead_in_flight=False,
    running=0,
    allowed=4,
    closed=None,
    hopeless=None,
    cap_reached=None,
    paused=False,
    spent_microusd=0,
    reserved_microusd=0,
    budget_microusd=1_000_000,
    stop=None,
)


def test_a_ready_group_a_free_slot_an_open_gate_and_money_make_a_start() -> None:
    assert decide(FREE) == Start(GroupId(1), lead=False)


def test_a_full_house_waits() -> None:
    assert decide(replace(FREE, running=4)) == Wait(None, "slots")


def test_one_lead_goes_ahead_while_the_others_wait() -> None:
    assert decide(replace(FREE, needs_lead=True)) == Start(GroupId(1), lead=True)
    assert decide(replace(FREE, needs_lead=True, lead_in_flight=True, running=1)) == Wait(None, "lead")


def test_P18_the_budget_is_never_promised_twice() -> None:
    tight = replace(FREE, spent_microusd=300_000, reserved_microusd=400_000, running=1)
    assert decide(tight) == Wait(None, "budget")
    spent = replace(FREE, spent_microusd=700_000)
    why = message("budget", budget_microusd=1_000_000, spent_microusd=700_000, needed_microusd=400_000)
    assert decide(spent) == Stop("budget", why)
    assert decide(replace(spent, budget_microusd=None)) == Start(GroupId(1), lead=False)
    exact = replace(FREE, spent_microusd=600_000)
    assert decide(exact) == Start(GroupId(1), lead=False)


def test_P21_a_reached_cap_stops_once_nothing_runs() -> None:
    cap = message("cap_sessions", cap=3)
    reached = replace(FREE, cap_reached=cap)
    assert decide(reached) == Stop("budget", cap)
    assert decide(replace(reached, running=1)) == Wait(None, "budget")


def test_P03_a_closed_gate_waits_until_it_opens_and_stops_where_waiting_makes_no_sense() -> None:
    shut = replace(
        FREE, closed=Closed(NOW + timedelta(hours=1), "hold", message("provider_fault", fault="usage_limit"))
    )
    assert decide(shut) == Wait(NOW + timedelta(hours=1), "hold")
    late = message("opens_too_late", because={}, opens="")
    assert decide(replace(shut, hopeless=late)) == Stop("late", late)
    assert decide(replace(shut, hopeless=late, running=1)) == Wait(NOW + timedelta(hours=1), "hold")


def test_a_pause_waits_for_a_person() -> None:
    assert decide(replace(FREE, paused=True)) == Wait(None, "paused")


def test_a_stop_waits_for_running_attempts_and_starts_nothing() -> None:
    asked = Stop("operator", message("stopped_by", who="anna"))
    stopping = replace(FREE, stop=asked)
    assert decide(replace(stopping, running=2)) == Wait(None, "ending")
    assert decide(stopping) == asked


def test_nothing_left_is_the_end() -> None:
    assert decide(replace(FREE, next_group=None)) == Stop("finished", message("nothing_left"))
    assert decide(replace(FREE, next_group=None, running=1)) == Wait(None, "sessions")
