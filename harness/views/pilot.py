"""What a pilot says, in words: for the terminal, the log and the top of the report."""

from collections.abc import Iterator
from datetime import timedelta

from harness.base.clock import from_text
from harness.base.durations import in_words
from harness.core.events import PilotJudged
from harness.core.money import in_words as money


def pilot_lines(judged: PilotJudged) -> list[str]:
    """One verdict: what was accepted, what it will cost, how long the rest takes, and whether you can go to bed."""
    return list(_lines(judged))


def _lines(judged: PilotJudged) -> Iterator[str]:
    yield f"The pilot accepted {judged.accepted} of {judged.of}."
    if judged.is_good:
        yield f"The whole job will cost {_money(judged)}; the rest takes {_time(judged)}."
        if judged.plan_share is not None:
            yield f"The rest would use about {judged.plan_share:.0%} of the plan's window."
        if judged.unknown:
            yield f"Not known yet: {', '.join(judged.unknown)}."
        yield _good_night(judged)
    else:
        yield "Mend that first: the report gives the reasons; the same command then runs the rest."


def _good_night(judged: PilotJudged) -> str:
    if not judged.left_high:
        return "You can go to bed."
    at = from_text(judged.deadline).astimezone().strftime("%a %d %b %H:%M")
    left = f"{_range(f'{judged.left_low:,}', f'{judged.left_high:,}')} of {judged.open:,}"
    if judged.left_low:
        return f"It will not be ready by the deadline, {at}: about {left} will be left, and the same command goes on."
    return f"It may not be ready by the deadline, {at}: {left} may be left, and the same command goes on."


def _money(judged: PilotJudged) -> str:
    return _range(money(judged.cost_low_microusd), money(judged.cost_high_microusd))


def _time(judged: PilotJudged) -> str:
    low, high = timedelta(seconds=judged.seconds_low), timedelta(seconds=judged.seconds_high)
    return _range(in_words(low), in_words(high))


def _range(low: str, high: str) -> str:
    """`$0.40 to $0.60`; one figure where both look the same."""
    return low if low == high else f"{low} to {high}"
