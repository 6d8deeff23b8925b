"""What a pilot says, in words: for the terminal, the log and the top of the report."""

from collections.abc import Iterator
from datetime import timedelta

from harness.base.clock import from_text
from harness.base.durations import in_words
from harness.core.money import in_words as money
from harness.core.run_events import PilotJudged, Shortfall


def pilot_lines(judged: PilotJudged) -> list[str]:
    """One verdict: what was accepted, what it will cost, how long the rest takes, and whether you can go to bed."""
    return list(_lines(judged))


def _lines(judged: PilotJudged) -> Iterator[str]:
    yield f"The pilot accepted {judged.accepted} of {judged.of}."
    if judged.is_good and judged.rehearsal:
        yield "This was a rehearsal; only the pilot of a launch can estimate cost and time."
    elif judged.is_good:
        yield f"Estimated cost of the whole job: {_money(judged)}; time for the rest: {_time(judged)}."
        if judged.plan_share is not None:
            yield f"The rest would use about {judged.plan_share:.0%} of the plan's window."
        if judged.unknown:
            yield f"Not known yet: {', '.join(judged.unknown)}."
        yield from _what_stops_it(judged) or ["No bound is expected to stop the job."]
    else:
        yield "Fix this first (the report lists the reasons), then run the same command for the rest."


def _what_stops_it(judged: PilotJudged) -> list[str]:
    """The bounds that the job will, or may, come to before its end."""
    lines = []
    for bound, low, high in _short(judged):
        may, is_about = ("will", "about ") if low else ("may", "")
        left = f"{is_about}{_of(judged, low, high)} {may} be left"
        lines.append(f"It {may} stop at {bound}: {left}. Raise it for the rest.")
    if judged.left_high:
        at, left = from_text(judged.deadline).astimezone(), _of(judged, judged.left_low, judged.left_high)
        may, is_about = ("will", "about ") if judged.left_low else ("may", "")
        lines.append(
            f"It {may} not be ready by the deadline, {at:%a %d %b %H:%M}: {is_about}{left} {may} be left; "
            "the same command continues."
        )
    return lines


def _short(judged: PilotJudged) -> list[tuple[str, int, int]]:
    """Older versions recorded the bound as a text."""
    return [*judged.short, *((_bound(each), each.left_low, each.left_high) for each in judged.shortfalls)]


def _bound(short: Shortfall) -> str:
    if short.bound == "budget":
        return f"the budget of {money(short.limit)}"
    return f"the cap of {short.limit:,} {short.bound}"


def _of(judged: PilotJudged, low: int, high: int) -> str:
    return f"{_range(f'{low:,}', f'{high:,}')} of {judged.open:,}"


def _money(judged: PilotJudged) -> str:
    return _range(money(judged.cost_low_microusd), money(judged.cost_high_microusd))


def _time(judged: PilotJudged) -> str:
    low, high = timedelta(seconds=judged.seconds_low), timedelta(seconds=judged.seconds_high)
    return _range(in_words(low), in_words(high))


def _range(low: str, high: str) -> str:
    """`$0.40 to $0.60`; one figure where both look the same."""
    return low if low == high else f"{low} to {high}"
