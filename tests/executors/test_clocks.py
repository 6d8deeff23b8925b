"""Laws of the clocks, in virtual time."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from harness.backends.activity import Pulse
from harness.base.ids import AttemptId
from harness.executors.clocks import STANDSTILL_S, Expired, Standstill, until_expired, until_quiet
from harness.job.job import SessionSpec

if TYPE_CHECKING:
    from tests.executors.conftest import Bench


class Virtual:
    """A clock whose sleeps take no time; `at` runs things at their moments."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.at: list[tuple[float, Any]] = []
        self.late = 0.0
        """Added to the end of the sleep that is under way: everything was stopped for so long."""

    def now(self) -> datetime:
        return datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        until = self.seconds + max(0.0, seconds)
        while self.at and self.at[0][0] <= until:
            self.seconds, happening = self.at.pop(0)
            happening()
        self.seconds = until + self.late
        self.late = 0.0
        await asyncio.sleep(0)


def awake() -> float:
    return 0.0


def session(bench: "Bench", **changes: Any) -> SessionSpec:
    spec = bench.job().phases[0].session
    minutes = {"timeout": timedelta(minutes=20), "first_event": timedelta(seconds=90), "silence": timedelta(minutes=10)}
    return replace(spec, **(minutes | changes))


def pulse(clock: Virtual, *, speaks: bool = True) -> Pulse:
    return Pulse(AttemptId(1), clock.monotonic, lambda event: None, speaks)


def expiry(spec: SessionSpec, beat: Pulse, clock: Virtual) -> Expired:
    return asyncio.run(until_expired(spec, beat, clock, Standstill(asleep=awake)))


def test_S01_no_sign_of_life_is_noticed_after_first_event(bench: "Bench") -> None:
    clock = Virtual()
    assert expiry(session(bench), pulse(clock), clock) == Expired("first_event", "init")
    assert clock.seconds == 90


def test_S02_a_model_that_is_silent_for_310_seconds_is_left_alone(bench: "Bench") -> None:
    clock = Virtual()
    beat = pulse(clock)
    clock.at = [(1, lambda: beat.beat("model")), (311, lambda: beat.beat("model"))]
    found = expiry(session(bench), beat, clock)
    assert (found, clock.seconds) == (Expired("silence", "model"), 911)


def test_S03_silence_is_charged_to_the_model(bench: "Bench") -> None:
    clock = Virtual()
    beat = pulse(clock)
    clock.at = [(2, lambda: beat.beat("model"))]
    assert expiry(session(bench), beat, clock) == Expired("silence", "model")
    assert clock.seconds == 602


def test_silence_shorter_than_the_wait_for_the_first_event_counts_from_there_on(bench: "Bench") -> None:
    clock = Virtual()
    beat = pulse(clock)
    clock.at = [(30, lambda: beat.beat("model"))]
    assert expiry(session(bench, silence=timedelta(seconds=20)), beat, clock) == Expired("silence", "model")
    assert clock.seconds < 30 + 2 * 20


def test_silence_stands_still_while_a_tool_runs(bench: "Bench") -> None:
    clock = Virtual()
    beat = pulse(clock)

    def call() -> None:
        beat.tools.add("t")
        beat.beat("tool")

    def back() -> None:
        beat.tools.clear()
        beat.beat("model")

    clock.at = [(1, call), (1000, back)]
    found = expiry(session(bench, timeout=timedelta(hours=2)), beat, clock)
    assert found == Expired("silence", "model")
    assert 1600 <= clock.seconds <= 1601


def test_S04_the_time_limit_of_a_busy_session_is_its_own(bench: "Bench") -> None:
    clock = Virtual()
    beat = pulse(clock)
    clock.at = [(float(second), lambda: beat.beat("model")) for second in range(0, 1200, 5)]
    assert expiry(session(bench), beat, clock) == Expired("timeout", "tool")
    assert clock.seconds == 1200


def test_the_time_limit_is_charged_to_a_model_that_was_waited_for_long(bench: "Bench") -> None:
    clock = Virtual()
    beat = pulse(clock)
    clock.at = [(float(second), lambda: beat.beat("model")) for second in range(0, 1100, 50)]
    assert expiry(session(bench), beat, clock) == Expired("timeout", "model")


def test_a_command_may_work_in_silence_until_its_time_is_up(bench: "Bench") -> None:
    clock = Virtual()
    beat = pulse(clock, speaks=False)
    beat.beat("tool")
    assert expiry(session(bench), beat, clock) == Expired("timeout", "tool")
    assert clock.seconds == 1200


def test_bounds_switched_off_never_run_out(bench: "Bench") -> None:
    clock = Virtual()

    async def run() -> bool:
        spec = session(bench, timeout=None, first_event=None, silence=None)
        waiting = asyncio.create_task(until_expired(spec, pulse(clock), clock, Standstill(asleep=awake)))
        for _ in range(10):
            await asyncio.sleep(0)
        still = not waiting.done()
        waiting.cancel()
        return still

    assert asyncio.run(run())


def test_quiet_begins_anew_with_every_event(bench: "Bench") -> None:
    clock = Virtual()
    beat = pulse(clock)
    clock.at = [(10, lambda: beat.beat()), (39, lambda: beat.beat())]
    asyncio.run(until_quiet(timedelta(seconds=30), beat, clock))
    assert clock.seconds == 69


def test_H05_a_standstill_begins_every_clock_anew_once(bench: "Bench") -> None:
    """Stopped for an hour while the model was waited for: it gets its ten minutes again, and no third time."""
    clock = Virtual()
    beat = pulse(clock)

    def stop() -> None:
        clock.late = 3600.0

    clock.at = [(2, lambda: beat.beat("model")), (500, stop), (4500, stop)]
    assert expiry(session(bench), beat, clock) == Expired("silence", "model")
    woken = 510 + 3600
    assert woken + 600 <= clock.seconds <= woken + 600 + 3600 + 30


def test_H05_a_machine_that_slept_begins_every_clock_anew(bench: "Bench") -> None:
    """Monotonic time does not count it: what was silent by then has only just woken up."""
    clock = Virtual()
    beat = pulse(clock)
    slept = [0.0]
    clock.at = [(2, lambda: beat.beat("model")), (400, lambda: slept.__setitem__(0, 8 * 3600.0))]
    standstill = Standstill(asleep=lambda: slept[0])
    found = asyncio.run(until_expired(session(bench), beat, clock, standstill))
    assert found == Expired("silence", "model")
    assert 1000 <= clock.seconds <= 1030
    assert standstill.was()


def test_H12_a_timer_that_is_a_little_late_is_no_standstill() -> None:
    standstill = Standstill(asleep=awake)
    assert not standstill.begins(STANDSTILL_S)
    assert not standstill.was()
    assert standstill.begins(STANDSTILL_S + 1)
    assert not standstill.begins(STANDSTILL_S + 1), "once"
    assert standstill.was()


def test_H05_sleep_counts_from_the_start_of_the_session() -> None:
    asleep = [5000.0]
    standstill = Standstill(asleep=lambda: asleep[0])
    assert not standstill.was()
    asleep[0] += STANDSTILL_S + 1
    assert standstill.was(), "also where no clock has looked"
