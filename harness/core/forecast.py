"""What is still to come, from what has been: cost and time of the rest of a job, as a range.

Costs of attempts are taken as a sample; the range is mean +- t x standard error for the rest, with Student's t at
90 % (two-sided) for small samples. Failed attempts are in the sample, so retries are paid for in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

_T90 = {1: 6.31, 2: 2.92, 3: 2.35, 4: 2.13, 5: 2.02, 6: 1.94, 7: 1.89, 8: 1.86, 9: 1.83, 10: 1.81}
_T90_LARGE = 1.7
_WIDEST = 0.5
"""A range never goes further from its middle than this share for a single observation: two batches say little."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The ended attempts of one phase. Money in micro-dollars, time in seconds; `squares` are sums of squares."""

    phase: int
    attempts: int
    items_settled: int
    cost: float
    cost_squares: float
    seconds: float
    seconds_squares: float


@dataclass(frozen=True, slots=True)
class Rest:
    """What one phase still has to do. `at_once`: sessions that can run side by side (1 for a serial phase)."""

    phase: int
    items: float
    at_once: int


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`."""

    low: float
    high: float

    def plus(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of the rest alone: what was spent so far comes on top. `unknown`: phases without a single ended attempt.

    `starts` is how many sessions will be started, retries among them; `seconds` knows of no rate and no window.
    """

    cost_microusd: Range
    seconds: Range
    unknown: tuple[int, ...]
    starts: float = 0.0


def forecast(samples: Sequence[Sample], rests: Sequence[Rest]) -> Forecast:
    """Phases overlap: at best the longest one decides the time, at worst they follow one another."""
    by_phase = {sample.phase: sample for sample in samples if sample.attempts and sample.items_settled}
    known = [rest for rest in rests if rest.phase in by_phase]
    costs = [_total(by_phase[rest.phase], rest.items, "cost") for rest in known]
    times = [_scaled(_total(by_phase[rest.phase], rest.items, "seconds"), rest.at_once) for rest in known]
    low = max((time.low for time in times), default=0.0)
    high = sum(time.high for time in times)
    unknown = tuple(rest.phase for rest in rests if rest.phase not in by_phase and rest.items)
    starts = sum(_to_come(by_phase[rest.phase], rest.items) for rest in known)
    return Forecast(_sum(costs), Range(low, high), unknown, starts)


def _to_come(sample: Sample, items: float) -> float:
    """How many attempts so many more items will take."""
    return sample.attempts * items / sample.items_settled


def _total(sample: Sample, items: float, what: str) -> Range:
    """The sum over the attempts that `items` more items will take."""
    amount, squares = (sample.cost, sample.cost_squares) if what == "cost" else (sample.seconds, sample.seconds_squares)
    number = sample.attempts
    mean = amount / number
    to_come = _to_come(sample, items)
    middle = mean * to_come
    if number < 2:
        return Range(middle * (1 - _WIDEST), middle * (1 + _WIDEST))
    deviation = sqrt(max(0.0, (squares - number * mean * mean) / (number - 1)))
    error = deviation * sqrt(to_come * to_come / number + to_come)
    margin = _T90.get(number - 1, _T90_LARGE) * error
    return Range(max(0.0, middle - margin), middle + margin)


def _scaled(total: Range, at_once: int) -> Range:
    return Range(total.low / at_once, total.high / at_once)


def _sum(ranges: Sequence[Range]) -> Range:
    total = Range(0.0, 0.0)
    for each in ranges:
        total = total.plus(each)
    return total


def left_over(room: float, needed: Range, items: int) -> tuple[int, int]:
    """How many of `items` are left when there is `room` for some of what all of them need: at least, and at most."""

    def left(amount: float) -> int:
        return ceil(items * max(0.0, 1 - max(0.0, room) / amount)) if amount else 0

    return left(needed.low), left(needed.high)


@dataclass(frozen=True, slots=True)
class PilotVerdict:
    """What a pilot says: go on, or what to mend first."""

    is_good: bool
    accepted: int
    of: int


def judge_pilot(accepted: int, of: int) -> PilotVerdict:
    """Below 80 % accepted something should be mended before the night."""
    return PilotVerdict(of == 0 or accepted * 5 >= of * 4, accepted, of)
