"""What a pilot says, in words: for the terminal, the log and the top of the report."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from harness.base.durations import in_words
from harness.core.events import PilotJudged
from harness.core.money import in_words as money
from harness.core.pace import open_time
from harness.job.bounds import Bounds
from harness.views.wording import counted, day_time


@dataclass(frozen=True, slots=True)
class Night:
    """The run that a pilot's verdict is about: when it began, when the verdict was given, and what was open then."""

    began: datetime
    said_at: datetime
    bounds: Bounds
    left: int
    noun: str


def pilot_lines(judged: PilotJudged) -> list[str]:
    """One verdict: what was accepted, what it will cost, how long the rest takes."""
    return list(_lines(judged))


def pilot_advice(judged: PilotJudged, night: Night) -> str:
    """Whether you can go to bed: not when the deadline comes before the end; then how much will be left. "" if bad."""
    if not judged.is_good:
        return ""
    deadline = night.bounds.deadline.moment(night.began) if night.bounds.deadline is not None else None
    if deadline is None or night.said_at + timedelta(seconds=judged.seconds_high) <= deadline:
        return "You can go to bed."
    at = day_time(deadline, night.said_at)
    least, most = (_left(night, deadline, seconds) for seconds in (judged.seconds_low, judged.seconds_high))
    left = f"{_range(f'{least:,}', f'{most:,}')} of {counted(night.left, night.noun)}"
    if least:
        return f"It will not be ready by the deadline, {at}: about {left} will be left, and the same command goes on."
    return f"It may not be ready by the deadline, {at}: {left} may be left, and the same command goes on."


def _left(night: Night, deadline: datetime, seconds: float) -> int:
    """How many will be left at the deadline when all would take so long."""
    window, since = night.bounds.window, night.said_at
    needed = open_time(window, since, since + timedelta(seconds=seconds))
    share = open_time(window, since, deadline) / needed if needed else 1.0
    return ceil(night.left * max(0.0, 1 - share))


def _lines(judged: PilotJudged) -> Iterator[str]:
    yield f"The pilot accepted {judged.accepted} of {judged.of}."
    if judged.is_good:
        yield f"The whole job will cost {_money(judged)}; the rest takes {_time(judged)}."
        if judged.plan_share is not None:
            yield f"The rest would use about {judged.plan_share:.0%} of the plan's window."
        if judged.unknown:
            yield f"Not known yet: {', '.join(judged.unknown)}."
    else:
        yield "Mend that first: the report gives the reasons; the same command then runs the rest."


def _money(judged: PilotJudged) -> str:
    return _range(money(judged.cost_low_microusd), money(judged.cost_high_microusd))


def _time(judged: PilotJudged) -> str:
    low, high = timedelta(seconds=judged.seconds_low), timedelta(seconds=judged.seconds_high)
    return _range(in_words(low), in_words(high))


def _range(low: str, high: str) -> str:
    """`$0.40 to $0.60`; one figure where both look the same."""
    return low if low == high else f"{low} to {high}"
