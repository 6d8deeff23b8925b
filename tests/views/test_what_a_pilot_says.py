"""The verdict of a pilot in words: one figure where two look the same, and no good night before a deadline."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from harness.base.clock import to_text
from harness.core.pace import left_at
from harness.core.run_events import PilotJudged
from harness.job.bounds import Bounds, Window
from harness.views.facts import pilot
from harness.views.ledger_reading import reading
from harness.views.pilot_text import pilot_lines
from harness.views.ticker import Ticker
from tests.views.conftest import BEGAN

if TYPE_CHECKING:
    from tests.views.conftest import Night


SAID = BEGAN + timedelta(seconds=10)


def judged(low: float, high: float, **more: Any) -> PilotJudged:
    return replace(PilotJudged(True, 3, 3, 400_000, 600_000, low, high, ()), **more)


def advice(deadline: timedelta | None, low: float, high: float, window: Window | None = None) -> str:
    """What is said last of 40 open items; the deadline counts from the beginning of the run."""
    if deadline is None:
        return pilot_lines(judged(low, high, open=40))[-1]
    ends, bounds = BEGAN + deadline, Bounds(window=window)
    least, most = (left_at(ends, SAID, seconds, bounds, 40) for seconds in (low, high))
    return pilot_lines(judged(low, high, open=40, deadline=to_text(ends), left_low=least, left_high=most))[-1]


def test_two_ends_that_look_the_same_are_one_figure() -> None:
    assert "Estimated cost of the whole job: $0.60; time for the rest: 2s." in " ".join(
        pilot_lines(judged(1.9, 2.1, cost_low_microusd=599_999, cost_high_microusd=600_001))
    )
    assert "Estimated cost of the whole job: $0.40 to $0.60; time for the rest: 2s to 3s." in " ".join(
        pilot_lines(judged(2, 3))
    )


def test_a_pilot_that_was_played_is_no_forecast() -> None:
    told = " ".join(pilot_lines(judged(2, 3, rehearsal=True, open=9, short=(("the cap of 4 sessions", 2, 2),))))
    assert told.startswith("The pilot accepted 3 of 3. This was a rehearsal; ")
    assert not any(word in told for word in ("$", "bed", "stop", "rest"))


@pytest.mark.parametrize("deadline", [None, timedelta(seconds=110)])
def test_what_is_ready_in_time_lets_one_go_to_bed(deadline: timedelta | None) -> None:
    assert advice(deadline, 60, 100) == "No bound is expected to stop the job."


def test_what_ends_after_the_deadline_says_so_and_how_much_will_be_left() -> None:
    late = advice(timedelta(seconds=20), 40, 100)
    assert "will not be ready by the deadline" in late
    assert "about 30 to 36 of 40 will be left" in late
    assert "bed" not in late


def test_what_may_end_after_the_deadline_says_that() -> None:
    late = advice(timedelta(seconds=60), 40, 100)
    assert "may not be ready by the deadline" in late
    assert "0 to 20 of 40 may be left" in late


def test_what_is_left_is_told_by_the_time_that_the_window_is_open() -> None:
    opens = BEGAN.astimezone().time().replace(second=0)
    closes = (BEGAN + timedelta(minutes=10)).astimezone().time()
    late = advice(timedelta(hours=1), 86400 + 590, 86400 + 590, Window(opens, closes))
    assert "about 21 of 40 will be left" in late


def test_a_bad_verdict_has_no_advice_for_the_night() -> None:
    said = pilot_lines(judged(9, 9, is_good=False, open=40, deadline=to_text(BEGAN), left_low=40, left_high=40))
    assert "deadline" not in " ".join(said) and "bed" not in " ".join(said)


def test_display_log_and_report_say_the_same_of_a_deadline(night: "Night") -> None:
    night.plan(["A", "B", "C"])
    night.begin()
    ticker = Ticker(night.state)
    late = judged(20, 20, open=3, deadline=to_text(BEGAN + timedelta(seconds=10)), left_low=2, left_high=2)
    night.ledger.record(late)
    (tick,) = ticker.new()
    said = " ".join(pilot_lines(late))
    assert "about 2 of 3 will be left" in said
    assert tick.text.endswith(f"pilot: {said}")
    with reading(night.state) as db:
        assert pilot(db) == late
