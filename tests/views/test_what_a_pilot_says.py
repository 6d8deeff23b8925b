"""The verdict of a pilot in words: one figure where two look the same, and no good night before a deadline."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from harness.core.events import PilotJudged
from harness.job.bounds import Bounds, Deadline, Window
from harness.views.pilot import Night as Said
from harness.views.pilot import pilot_advice, pilot_lines
from harness.views.ticker import Ticker
from tests.views.conftest import BEGAN

if TYPE_CHECKING:
    from tests.views.conftest import Night


def judged(low: float, high: float, *, is_good: bool = True, cost: tuple[int, int] = (400_000, 600_000)) -> PilotJudged:
    return PilotJudged(is_good, 3, 3, *cost, low, high, ())


def advice(deadline: timedelta | None, low: float, high: float, window: Window | None = None) -> str:
    bounds = Bounds(deadline=Deadline(deadline) if deadline is not None else None, window=window)
    return pilot_advice(judged(low, high), Said(BEGAN, BEGAN + timedelta(seconds=10), bounds, 40, "number"))


def test_two_ends_that_look_the_same_are_one_figure() -> None:
    assert "will cost $0.60; the rest takes 2s." in " ".join(pilot_lines(judged(1.9, 2.1, cost=(599_999, 600_001))))
    assert "will cost $0.40 to $0.60; the rest takes 2s to 3s." in " ".join(pilot_lines(judged(2, 3)))


@pytest.mark.parametrize("deadline", [None, timedelta(seconds=110)])
def test_what_is_ready_in_time_lets_one_go_to_bed(deadline: timedelta | None) -> None:
    assert advice(deadline, 60, 100) == "You can go to bed."


def test_what_ends_after_the_deadline_says_so_and_how_much_will_be_left() -> None:
    late = advice(timedelta(seconds=20), 40, 100)
    assert "will not be ready by the deadline" in late
    assert "30 to 36 of 40 numbers will be left" in late
    assert "bed" not in late


def test_what_may_end_after_the_deadline_says_that() -> None:
    late = advice(timedelta(seconds=60), 40, 100)
    assert "may not be ready by the deadline" in late
    assert "0 to 20 of 40 numbers may be left" in late


def test_what_is_left_is_told_by_the_time_that_the_window_is_open() -> None:
    opens = BEGAN.astimezone().time().replace(second=0)
    closes = (BEGAN + timedelta(minutes=10)).astimezone().time()
    late = advice(timedelta(hours=1), 86400 + 590, 86400 + 590, Window(opens, closes))
    assert "about 21 of 40 numbers will be left" in late


def test_a_bad_verdict_has_no_advice_for_the_night() -> None:
    bounds = Bounds(deadline=Deadline(timedelta(seconds=1)))
    assert pilot_advice(judged(9, 9, is_good=False), Said(BEGAN, BEGAN, bounds, 40, "number")) == ""


def test_the_line_of_a_verdict_knows_the_deadline_of_its_run(night: "Night") -> None:
    night.plan(["A", "B", "C"])
    night.begin()
    tickers = [Ticker(night.state, Bounds(deadline=Deadline(timedelta(seconds=s)))) for s in (10, 100)]
    stranger = Ticker(night.state)
    night.ledger.record(judged(20, 20))
    late, early = (ticker.new()[0].text for ticker in tickers)
    assert "will not be ready by the deadline" in late
    assert "2 of 3 schools will be left" in late
    assert early.endswith("You can go to bed.")
    assert "bed" not in stranger.new()[0].text
