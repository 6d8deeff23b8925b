"""What a plan in accepted records asks for, once more from outside: its batches, and how fast they may run."""

from collections import deque

from harness.core.events import BatchPlanned
from harness.job.batch_plan import Pace
from harness.job.job import Job
from tests.simulation.judging import batches_of
from tests.simulation.virtual import VirtualClock

_MINUTE_S = 60.0
_SLACK_S = 0.01
_LONGEST_NAP_S = 31.0


class Pacemaker:
    """Remembers the starts of every phase whose batches are planned by records."""

    def __init__(self, job: Job, pace: Pace, clock: VirtualClock) -> None:
        self._planned = {phase.number for phase in job.phases if phase.plan is not None}
        self._pace = pace
        self._clock = clock
        self._starts: dict[int, deque[float]] = {number: deque(maxlen=50) for number in self._planned}

    def planned(self, event: BatchPlanned) -> None:
        """V20: a batch of such a phase is one of the plan, whole."""
        if event.phase in self._planned:
            parent = event.items[0].rpartition(".")[0]
            assert event.items in batches_of(parent), f"V20: the batch {event.items} is not in the plan of {parent}"

    def started(self, phase: int, open_now: int) -> None:
        """V21: no more at once, and in a minute, than the plan allows."""
        if phase not in self._planned:
            return
        at_once = self._pace.at_once
        assert at_once is None or open_now <= at_once, f"V21: {open_now} sessions at once, the plan allows {at_once}"
        assert self._is_within(phase, _SLACK_S, -_SLACK_S), f"V21: more than {self._pace.starts_per_minute} a minute"
        self._starts[phase].append(self._clock.monotonic())

    def lets(self, phase: int, open_now: int) -> bool:
        """Would the plan let one more of the phase start? In doubt, no."""
        if phase not in self._planned:
            return True
        if self._pace.at_once is not None and open_now >= self._pace.at_once:
            return False
        has_jumped = self._clock.has_jumped_since(self._clock.monotonic() - 2 * _MINUTE_S - _LONGEST_NAP_S)
        return self._pace.starts_per_minute is None or (not has_jumped and self._is_within(phase, 0.0, _SLACK_S))

    def _is_within(self, phase: int, doubt_s: float, more_s: float) -> bool:
        """Were there fewer starts in the last minute than allowed? Also when the clock was set meanwhile."""
        most = self._pace.starts_per_minute
        since = self._clock.monotonic() - _MINUTE_S - more_s
        recent = sum(start > since for start in self._starts[phase])
        return most is None or recent < most or (doubt_s > 0 and self._clock.has_jumped_since(since))
