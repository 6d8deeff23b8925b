"""What a pilot says holds: its range has the outcome in it, and a bad pilot stops the night."""

from pathlib import Path
from typing import Any

from harness.core.money import to_micro
from harness.core.run_events import PilotJudged
from harness.planning.pilot_batches import spread
from tests.simulation.script import Script
from tests.simulation.universe import Universe


def a_night(seed: int, folder: Path, **more: Any) -> Universe:
    """24 batches of one, costs drawn by the world, a pilot of three."""
    return Universe(seed, folder, Script(items=24, parallel=3, pilot=3, calm_s=1000, **more))


def judged(universe: Universe) -> PilotJudged | None:
    verdicts = [event for event in universe.events() if isinstance(event, PilotJudged)]
    assert len(verdicts) <= 1
    return verdicts[0] if verdicts else None


def test_the_range_of_the_pilot_holds_the_outcome_in_18_of_20_nights(tmp_path: Path) -> None:
    held = 0
    for seed in range(20):
        universe = a_night(seed, tmp_path / str(seed))
        played = universe.play()
        verdict = judged(universe)
        assert verdict is not None and verdict.is_good
        assert played.finished.exit_code == 0
        spent = to_micro(universe.world.billed())
        held += verdict.cost_low_microusd <= spent <= verdict.cost_high_microusd
    assert held >= 18


def test_a_pilot_below_80_percent_stops_the_night_and_the_same_command_goes_on(tmp_path: Path) -> None:
    poison = {f"i{number:03d}": "rejected" for number in (0, 11, 12)}
    universe = a_night(1, tmp_path, poison=poison)
    stopped = universe.live_once()
    assert stopped is not None and stopped.exit_code == 3 and stopped.message.kind == "pilot_failed"
    verdict = judged(universe)
    assert verdict is not None and not verdict.is_good
    finished = universe.live_once()
    assert finished is not None and finished.exit_code == 1


def test_a_killed_pilot_goes_on_and_is_judged_once(tmp_path: Path) -> None:
    for seed in range(5):
        universe = a_night(seed, tmp_path / str(seed), crash_rate=0.03)
        universe.play()
        assert judged(universe) is not None


def test_a_pilot_runs_the_first_the_middle_and_the_last_batch_first(tmp_path: Path) -> None:
    assert spread(34, 3) == (1, 17, 34)
    assert spread(2, 3) == (1, 2)
    assert spread(9, 1) == (1,)
    universe = a_night(3, tmp_path)
    universe.play()
    first_three = [universe.world.sessions[attempt].items for attempt in (1, 2, 3)]
    assert first_three == [("i000",), ("i011",), ("i023",)]


def test_the_time_of_a_night_at_a_rate_is_within_what_the_pilot_said(tmp_path: Path) -> None:
    universe = a_night(4, tmp_path, rate=(3, 600.0))
    played = universe.play()
    verdict = judged(universe)
    assert verdict is not None and played.finished.exit_code == 0
    assert 21 / 3 * 600 - 600 <= verdict.seconds_low <= verdict.seconds_high
