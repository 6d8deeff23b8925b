"""How long the rest takes by the clock on the wall: no faster than the rate, and only while the window is open."""

from datetime import UTC, datetime, timedelta

import pytest

from harness.core.forecast import Forecast, PilotVerdict, Range, Rest, Sample, forecast, judge_pilot
from harness.core.pace import by_the_clock, open_time
from harness.job.bounds import Bounds, parse_rate, parse_window
from tests.covers import covers

NIGHT = datetime(2026, 11, 20, 23, 0).astimezone()
HOUR = timedelta(hours=1)


def rest(hours: float, starts: float = 1) -> Forecast:
    return Forecast(Range(0, 0), Range(hours * 3600, hours * 3600), (), starts)


def test_a_forecast_counts_the_starts_that_retries_take_too() -> None:
    tried_twice = Sample(1, 6, 3, 6.0, 6.0, 6.0, 6.0)
    assert forecast([tried_twice], [Rest(1, 27, 3)]).starts == 54


def test_a_forecast_tells_cost_and_time_apart_and_knows_nothing_of_a_phase_that_settled_none() -> None:
    even = Sample(1, 2, 2, cost=20.0, cost_squares=200.0, seconds=6.0, seconds_squares=18.0)
    ahead = forecast([even, Sample(2, 3, 0, 9.0, 27.0, 9.0, 27.0)], [Rest(1, 4, 2), Rest(2, 4, 2)])
    assert (ahead.cost_microusd, ahead.seconds) == (Range(40.0, 40.0), Range(6.0, 6.0))
    assert ahead.unknown == (2,)


@pytest.mark.parametrize(("accepted", "of", "is_good"), [(8, 10, True), (7, 10, False), (10, 10, True), (0, 0, True)])
def test_a_pilot_is_good_from_four_of_five_on(accepted: int, of: int, is_good: bool) -> None:
    assert judge_pilot(accepted, of) == PilotVerdict(is_good, accepted, of)


def test_the_rest_takes_as_long_as_the_rate_lets_its_sessions_start() -> None:
    slow = by_the_clock(rest(0.004, starts=27), Bounds(rate=parse_rate("6/min")), NIGHT)
    assert slow.seconds == Range(27 / 6 * 60 - 60, 27 / 6 * 60)
    fast = by_the_clock(rest(2, starts=27), Bounds(rate=parse_rate("6/min")), NIGHT)
    assert fast.seconds == rest(2).seconds


@covers("A23")
@pytest.mark.parametrize(
    ("now", "hours", "wall"),
    [
        (NIGHT, 8, 8.0),
        (NIGHT, 9, 9 + 15),
        (NIGHT, 8 + 2 * 9 + 1, 8 + 15 + 9 + 15 + 9 + 15 + 1),
        (NIGHT - 3 * HOUR, 1, 3.0),
        (NIGHT, 0, 0.0),
    ],
)
def test_time_outside_the_window_does_not_count(now: datetime, hours: float, wall: float) -> None:
    told = by_the_clock(rest(hours), Bounds(window=parse_window("22:00-07:00")), now).seconds
    assert told.high == pytest.approx(wall * 3600, abs=3601)  # a night when the clocks are changed
    assert open_time(parse_window("22:00-07:00"), now, now + timedelta(seconds=told.high)) == hours * HOUR


def test_a_rest_of_ages_is_told_as_ages() -> None:
    bounds = Bounds(window=parse_window("22:00-22:01"))
    assert by_the_clock(rest(10**6), bounds, datetime(2026, 1, 1, tzinfo=UTC)).seconds.high == 3650 * 86400
