"""When a usage limit is over, from the one sentence in which the CLI tells people so.

`You've hit your 5-hour limit · resets 3:39pm (Europe/Berlin)`, or `resets Feb 16, 11am (UTC)` when that is more than a
day ahead; without a zone it is this machine's. Seconds are not told.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from harness.base.clock import LOCAL_ZONE

_TOLD = re.compile(
    r"[^\n]{0,80}?\b(?P<window>[\w-]+ )?limit\b[^\n]{0,40}?\bresets?(?: at)? "
    r"(?:(?P<month>[a-z]{3}) (?P<day>\d{1,2})(?:, (?P<year>\d{4}))?(?:,| at) )?"
    r"(?P<hour>0?[1-9]|1[0-2])(?::(?P<minute>[0-5]\d))? ?(?P<half>[ap])m\b(?: \((?P<zone>[^)\n]{1,64})\))?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NOT_TOLD = timedelta(minutes=1)
_SHORT_WINDOW = timedelta(hours=5)
_DAY = timedelta(hours=23)
"""A time of day that is further ahead is one that has just passed."""


def told_reset(text: str, now: datetime, zone: tzinfo = LOCAL_ZONE) -> datetime | None:
    """The end of the minute that `text` names, in UTC; None when it names none, or one that cannot be meant.

    `text` is the CLI's own synthetic result. A time that the clocks show twice is the later one, and one that they
    skip is as much later.
    """
    told = _TOLD.match(text)
    if told is None:
        return None
    try:
        there = ZoneInfo(told["zone"]) if told["zone"] else zone
        clock = time(int(told["hour"]) % 12 + (12 if told["half"] in "pP" else 0), int(told["minute"] or 0))
        moments = [_latest(day, clock, there) + _NOT_TOLD for day in _days(told, now.astimezone(there).date())]
    except (KeyError, ValueError, OverflowError, OSError):  # no such zone, no such day
        return None
    until = next((moment for moment in moments if moment > now), None)
    if until is None or (not told["month"] and until - now > _longest(told["window"]) + _NOT_TOLD):
        return None
    return until


def _days(told: re.Match[str], today: date) -> Iterator[date]:
    """The days that may be meant, in order."""
    if not told["month"]:
        yield from (today, today + timedelta(days=1))
        return
    years = [int(told["year"])] if told["year"] else [today.year, today.year + 1]
    month, day = _MONTHS.index(told["month"].lower()) + 1, int(told["day"])
    yield from (date(year, month, day) for year in years)


def _latest(day: date, clock: time, zone: tzinfo) -> datetime:
    return max(datetime.combine(day, clock, zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1))


def _longest(window: str | None) -> timedelta:
    """How far ahead the end of a limit lies at most."""
    return _SHORT_WINDOW if (window or "").strip().lower() in ("5-hour", "session") else _DAY
