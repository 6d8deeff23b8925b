"""Durations as people write them."""

import re
from datetime import timedelta

LONGEST = timedelta(days=3650)
"""Beyond this it is a slip, and sums with a date would not fit."""

_UNIT_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNIT = r"(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)"
_SHAPE = re.compile(rf"\s*(?:\d+(?:\.\d+)?\s*{_UNIT}\b\s*)+", re.IGNORECASE)
_PART = re.compile(rf"(\d+(?:\.\d+)?)\s*{_UNIT}\b", re.IGNORECASE)


def parse_duration(value: str | float) -> timedelta:
    """`90`, `90s`, `20m`, `1h 30m`, `30min`, `2 days`; a bare number is seconds. ValueError otherwise, and when it is
    not above 0 and at most LONGEST."""
    seconds = _seconds(value)
    span = timedelta(seconds=seconds) if abs(seconds) <= LONGEST.total_seconds() else None
    if span is None or span <= timedelta(0):
        raise ValueError(f"expected a duration above 0 and up to {LONGEST.days}d, got {value!r:.80}")
    return span


def _seconds(value: str | float) -> float:
    if isinstance(value, str) and _SHAPE.fullmatch(value):
        return sum(float(number) * _UNIT_S[unit[0].lower()] for number, unit in _PART.findall(value))
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"expected a duration such as 90s, 20m or 1h 30m, got {value!r:.80}") from None
    except OverflowError:
        return float("inf")


def in_words(span: timedelta) -> str:
    """`47s`, `12m 05s`, `3h 20m`, `2d 4h`."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    if seconds < 86400:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02d}m"
    return f"{seconds // 86400}d {seconds % 86400 // 3600}h"
