"""The laws of the gate: what keeps it closed, how it opens again, and when waiting makes no sense."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.clock import to_text
from harness.base.ids import AttemptId
from harness.core.fault_kinds import FaultKind
from harness.core.gate import Closed, Gate, Passing, closed, held_back, hold_until, too_long
from harness.core.messages import message, told
from harness.core.types import Fault, SessionEvent
from harness.job.bounds import Bounds, Deadline, parse_deadline, parse_rate, parse_share, parse_window
from tests.covers import covers

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
LIMIT = message("provider_fault", fault="usage_limit")


def passing(bounds: Bounds, *, starts: tuple[datetime, ...] = (), is_ramping: bool = False) -> Passing:
    return Passing(bounds, None, starts, is_ramping, None)


def test_after_a_provider_fault_one_probes_and_allowed_starts_double_per_success() -> None:
    gate = Gate.of(8, probing=False).after_provider_fault()
    assert (gate.allowed, gate.probing) == (4, True)
    gate = gate.after_provider_fault().after_provider_fault().after_provider_fault()
    assert gate.allowed == 1
    assert not gate.after_answer().probing
    for allowed in (2, 4, 8, 8):
        gate = gate.after_success()
        assert gate.allowed == allowed


def test_P02_backoff_doubles_from_30_s_to_15_minutes_and_starts_stay_below_20_in_two_hours() -> None:
    fault, moment, starts = Fault(FaultKind.OVERLOADED, "provider", (told("529"),)), NOW, 0
    while moment < NOW + timedelta(hours=2):
        starts += 1
        until = hold_until(fault, starts, moment)
        assert timedelta(seconds=30) <= until - moment <= timedelta(minutes=15)
        moment = until
    assert starts <= 20


def test_P05_a_stated_reset_is_believed_and_a_senseless_one_is_not() -> None:
    reset = NOW + timedelta(hours=3)
    assert (
        reset
        <= hold_until(Fault(FaultKind.USAGE_LIMIT, "provider", (told(""),), reset), 1, NOW)
        <= reset + timedelta(seconds=5)
    )
    for senseless in (NOW - timedelta(hours=1), NOW + timedelta(days=30)):
        assert hold_until(Fault(FaultKind.USAGE_LIMIT, "provider", (told(""),), senseless), 1, NOW) == NOW + timedelta(
            seconds=30
        )


@covers("A65")
@given(
    starts=st.lists(st.integers(0, 600), max_size=40).map(sorted),
    most=st.integers(1, 10),
)
def test_no_span_ever_holds_more_starts_than_the_rate(starts: list[int], most: int) -> None:
    rate, kept = parse_rate(f"{most}/min"), list[datetime]()
    for second in starts:
        now = NOW + timedelta(seconds=second)
        if rate.opens(kept, now) is None:
            kept.append(now)
    for start in kept:
        assert sum(start <= other < start + timedelta(minutes=1) for other in kept) <= most


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        ("22:00-07:00", "2026-11-20 23:30", None),
        ("22:00-07:00", "2026-11-21 06:59", None),
        ("22:00-07:00", "2026-11-21 07:00", "2026-11-21 22:00"),
        ("09:00-17:00", "2026-11-20 08:00", "2026-11-20 09:00"),
        ("09:00-17:00", "2026-11-20 17:00", "2026-11-21 09:00"),
        ("09:00-17:00", "2026-11-20 09:00", None),
    ],
)
def test_a_window_may_go_over_midnight(window: str, now: str, opens: str | None) -> None:
    moment = datetime.fromisoformat(f"{now}+00:00")
    expected = datetime.fromisoformat(f"{opens}+00:00") if opens else None
    assert parse_window(window).opens(moment, UTC) == expected


def test_the_longest_closing_counts() -> None:
    bounds = Bounds(rate=parse_rate("1/min"))
    hold = (NOW + timedelta(minutes=5), message("provider_fault", fault="overloaded"))
    shut = closed(Passing(bounds, hold, (NOW,), True, None), NOW)
    assert shut == Closed(hold[0], "hold", hold[1])
    assert closed(passing(Bounds()), NOW) is None


def test_P24_while_the_gate_opens_again_no_two_starts_are_closer_than_a_second() -> None:
    shut = closed(passing(Bounds(), starts=(NOW,), is_ramping=True), NOW + timedelta(milliseconds=300))
    assert shut is not None and shut.why == "stagger"
    assert closed(passing(Bounds(), starts=(NOW,), is_ramping=True), NOW + timedelta(seconds=1)) is None
    assert closed(passing(Bounds(), starts=(NOW,), is_ramping=False), NOW) is None


def test_P08_nobody_waits_for_days_and_nobody_beyond_the_deadline() -> None:
    weekly = Closed(NOW + timedelta(days=6), "hold", LIMIT)
    reason = too_long(weekly, None, NOW)
    assert reason == message("opens_too_late", because=LIMIT.as_json(), opens=to_text(weekly.until))
    soon = Closed(NOW + timedelta(hours=4), "hold", LIMIT)
    assert too_long(soon, None, NOW) is None
    assert too_long(soon, NOW + timedelta(hours=5), NOW) is None
    late = too_long(soon, NOW + timedelta(hours=3), NOW)
    assert late is not None and late.kind == "opens_after_deadline"


@pytest.mark.parametrize(
    ("text", "moment"),
    [("8h", "2026-11-21 07:00"), ("07:00", "2026-11-21 07:00"), ("2026-11-22T07:00:00+00:00", "2026-11-22 07:00")],
)
def test_a_deadline_is_a_span_a_time_of_day_or_a_moment(text: str, moment: str) -> None:
    assert parse_deadline(text).moment(NOW, UTC) == datetime.fromisoformat(f"{moment}+00:00")
    assert isinstance(parse_deadline(text), Deadline)


@pytest.mark.parametrize("wrong", ["25:00-07:00", "22:00", "07:00-07:00", ""])
def test_a_wrong_window_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"window|time of day"):
        parse_window(wrong)


@pytest.mark.parametrize(("text", "share"), [("90%", 0.9), ("0.5", 0.5), ("100%", 1.0)])
def test_a_share_is_a_percentage_or_a_fraction(text: str, share: float) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize("wrong", ["0%", "101%", "most", "-1"])
def test_a_wrong_share_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="share"):
        parse_share(wrong)


def test_the_reserve_of_a_plan_and_unwanted_overage_hold_until_the_reset() -> None:
    reset = NOW + timedelta(hours=2)
    event = SessionEvent(AttemptId(1), "limit", "", reset, 0.93)
    assert held_back(Bounds(), event) is None
    held = held_back(Bounds(stop_at=0.9), event)
    assert held is not None and held[0] >= reset and held[1] == message("plan_reserve", used=0.93, stop_at=0.9)
    assert held_back(Bounds(stop_at=0.95), event) is None
    overage = SessionEvent(AttemptId(1), "limit", "", reset, 1.0, is_overage=True)
    unwanted = held_back(Bounds(), overage)
    assert unwanted is not None and unwanted[1] == message("plan_used_up")
    assert held_back(Bounds(overage="allow"), overage) is None
