"""What a pilot says, in words: for the terminal, the log and the top of the report."""

from collections.abc import Iterator
from datetime import timedelta

from harness.base.durations import in_words
from harness.core.events import PilotJudged
from harness.core.money import in_words as money


def pilot_lines(judged: PilotJudged) -> list[str]:
    """One verdict: what was accepted, what it will cost, when it is ready, and whether you can go to bed."""
    return list(_lines(judged))


def _lines(judged: PilotJudged) -> Iterator[str]:
    yield f"The pilot accepted {judged.accepted} of {judged.of}."
    if judged.is_good:
        yield f"The whole job will cost {_money(judged)}; the rest takes {_time(judged)}."
        if judged.plan_share is not None:
            yield f"The rest would use about {judged.plan_share:.0%} of the plan's window."
        if judged.unknown:
            yield f"Not known yet: {', '.join(judged.unknown)}."
        yield "You can go to bed."
    else:
        yield "Mend that first: the report gives the reasons; the same command then runs the rest."


def _money(judged: PilotJudged) -> str:
    return f"{money(judged.cost_low_microusd)} to {money(judged.cost_high_microusd)}"


def _time(judged: PilotJudged) -> str:
    low, high = timedelta(seconds=judged.seconds_low), timedelta(seconds=judged.seconds_high)
    return f"{in_words(low)} to {in_words(high)}"
