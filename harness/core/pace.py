"""How long work takes by the clock on the wall, where a rate and a window decide when sessions may start."""

from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil

from harness.base.durations import LONGEST
from harness.core.forecast import Forecast, Range
from harness.job.bounds import Bounds, Rate, Window


def by_the_clock(to_come: Forecast, bounds: Bounds, now: datetime) -> Forecast:
    """The forecast with times from `now` on as a person sees them pass: at the rate, and with what the window shuts."""
    low, high = to_come.seconds.low, to_come.seconds.high
    if bounds.rate is not None:
        all_s = _at_rate(bounds.rate, to_come.starts)
        low, high = max(low, all_s - bounds.rate.per.total_seconds()), max(high, all_s)
    return replace(to_come, seconds=Range(_wall_s(bounds.window, now, low), _wall_s(bounds.window, now, high)))


def open_time(window: Window | None, since: datetime, until: datetime) -> timedelta:
    """How much of the time between two moments the window is open."""
    if window is None:
        return max(until - since, timedelta(0))
    passed, at = timedelta(0), window.opens(since) or since
    while at < until:
        closes = window.closes(at)
        passed += min(closes, until) - at
        at = window.opens(closes) or closes
    return passed


def left_at(deadline: datetime, now: datetime, seconds: float, bounds: Bounds, items: int) -> int:
    """How many of `items` will be left at the deadline, when all of them take so long from `now` on."""
    needed = open_time(bounds.window, now, now + timedelta(seconds=seconds))
    share = open_time(bounds.window, now, deadline) / needed if needed else 1.0
    return ceil(items * max(0.0, 1 - share))


def _at_rate(rate: Rate, starts: float) -> float:
    """Until the last of so many starts, when the rate has been used up just now."""
    return starts / rate.starts * rate.per.total_seconds()


def _wall_s(window: Window | None, now: datetime, open_s: float) -> float:
    """Seconds from `now` until the window has been open for `open_s`; never more than LONGEST."""
    most_s = LONGEST.total_seconds()
    if window is None or not 0 < open_s < most_s:
        return min(open_s, most_s)
    at, left = window.opens(now) or now, timedelta(seconds=open_s)
    while at < now + LONGEST:
        closes = window.closes(at)
        if left <= closes - at:
            return (at + left - now).total_seconds()
        left -= closes - at
        at = window.opens(closes) or closes
    return most_s
