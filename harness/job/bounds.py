"""When and how much a job may start: rate, window, deadline, caps, and the share of a plan left to people.

Times of day are of this machine's zone, by its rules on the day that is meant; everything else is UTC.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Literal

from harness.base.clock import LOCAL_ZONE, first_moment
from harness.base.durations import LONGEST, in_words, parse_duration

_RATE = re.compile(r"\s*(\d{1,9})\s*/\s*(s|sec|min|m|h|hour|d|day)\s*", re.IGNORECASE)
_PER = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_NAMES = {_PER["s"]: "s", _PER["m"]: "min", _PER["h"]: "h", _PER["d"]: "day"}
_MOST_STARTS = 100_000
_YEARS = range(2000, 2200)
_WINDOW = re.compile(r"\s*(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})\s*")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `starts` sessions are started in any span of `per`."""

    starts: int
    per: timedelta

    def opens(self, earlier: Sequence[datetime], now: datetime) -> datetime | None:
        """When the next start is allowed, or None for now. `earlier`: the last starts, oldest first.

        A start in the future was noted before the clock was set back, and counts no more.
        """
        recent = [start for start in earlier if start <= now < start + self.per]
        return recent[-self.starts] + self.per if len(recent) >= self.starts else None

    def in_words(self) -> str:
        """`10/min`."""
        return f"{self.starts:,}/{_NAMES.get(self.per) or in_words(self.per)}"


@dataclass(frozen=True, slots=True)
class Window:
    """Sessions start only between two times of day; `22:00-07:00` goes over midnight."""

    opens_at: time
    closes_at: time

    def opens(self, now: datetime, zone: tzinfo = LOCAL_ZONE) -> datetime | None:
        """When the window opens next, or None when it is open."""
        opens, _ = self._this_or_next(now, zone)
        return opens if now < opens else None

    def closes(self, now: datetime, zone: tzinfo = LOCAL_ZONE) -> datetime:
        """When the window, open at `now`, closes. ValueError when it is not open."""
        opens, closes = self._this_or_next(now, zone)
        if now < opens:
            raise ValueError(f"the window {self.in_words()} is not open at {now}")
        return closes

    def _this_or_next(self, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
        """The window that is open, else the next one: no later window opens before an earlier one."""
        return next((opens, closes) for opens, closes in self._around(now, zone) if max(opens, now) < closes)

    def _around(self, now: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
        """The windows from yesterday's on. One that the clocks skip is empty, a time that they show twice counts once.

        Three days ahead, because the clocks have skipped a whole day.
        """
        today = now.astimezone(zone).date()
        for day in (today + timedelta(days=number) for number in range(-1, 4)):
            ends = day if self.opens_at < self.closes_at else day + timedelta(days=1)
            opens, closes = first_moment(day, self.opens_at, zone), first_moment(ends, self.closes_at, zone)
            yield opens.astimezone(now.tzinfo), closes.astimezone(now.tzinfo)

    def in_words(self) -> str:
        """`22:00-07:00`."""
        return f"{self.opens_at:%H:%M}-{self.closes_at:%H:%M}"


def _next(clock: time, now: datetime, zone: tzinfo) -> datetime:
    """The next moment at which the clock on the wall shows `clock`."""
    today = now.astimezone(zone).date()
    moments = (first_moment(today + timedelta(days=number), clock, zone) for number in range(3))
    return next(moment for moment in moments if moment > now).astimezone(now.tzinfo)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A span from the start of the run, a time of day, or a moment."""

    at: timedelta | time | datetime

    def moment(self, started: datetime, zone: tzinfo = LOCAL_ZONE) -> datetime:
        """The moment for a run that started at `started`."""
        if isinstance(self.at, timedelta):
            return started + self.at
        if isinstance(self.at, datetime):
            return self.at.astimezone(started.tzinfo)
        return _next(self.at, started, zone)

    @property
    def is_date(self) -> bool:
        """Once it has passed, nothing can start any more."""
        return isinstance(self.at, datetime)

    def in_words(self) -> str:
        """`the deadline`, with its date where it is a moment: once that has passed, nothing can start any more."""
        return f"the deadline {self.at:%Y-%m-%d %H:%M}" if isinstance(self.at, datetime) else "the deadline"


@dataclass(frozen=True, slots=True)
class JobCaps:
    """Hard caps over the whole job; None = none. On a plan, where dollars are estimates, these are what holds."""

    sessions: int | None = None
    turns: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """All of these that a manifest names."""

    rate: Rate | None = None
    window: Window | None = None
    deadline: Deadline | None = None
    stop_at: float | None = None
    """Share of the plan's window, 0 to 1, above which nothing starts: the rest is left to people."""
    overage: Literal["stop", "allow"] = "stop"
    caps: JobCaps = JobCaps()


def parse_rate(text: str) -> Rate:
    """`10/min`, `30/h`. ValueError otherwise."""
    found = _RATE.fullmatch(text)
    if not found or not 0 < int(found[1]) <= _MOST_STARTS:
        raise ValueError(f"expected a rate such as 10/min or 30/h, at most {_MOST_STARTS:,}, got {text!r:.80}")
    return Rate(int(found[1]), _PER[found[2][0].lower()])


def parse_window(text: str) -> Window:
    """`22:00-07:00`. ValueError otherwise."""
    found = _WINDOW.fullmatch(text)
    if not found:
        raise ValueError(f"expected a window such as 22:00-07:00, got {text!r:.80}")
    opens_at, closes_at = _clock(found[1]), _clock(found[2])
    if opens_at == closes_at:
        raise ValueError(f"the window {text!r} is never open")
    return Window(opens_at, closes_at)


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text.zfill(5))
    except ValueError:
        raise ValueError(f"expected a time of day such as 07:00, got {text!r}") from None


def parse_deadline(text: str) -> Deadline:
    """`8h`, `07:00`, `2026-11-21 07:00`. ValueError otherwise."""
    if re.fullmatch(r"\s*\d{1,2}:\d{2}\s*", text):
        return Deadline(_clock(text.strip()))
    try:
        return Deadline(parse_duration(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.year in _YEARS:
            return Deadline(moment.astimezone())
    except ValueError:
        pass
    expected = f"a deadline such as 8h (up to {LONGEST.days}d), 07:00 or 2026-11-21 07:00"
    raise ValueError(f"expected {expected}, got {text!r:.80}")


def parse_share(text: str) -> float:
    """`90%` or `0.9`. ValueError otherwise."""
    try:
        share = float(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise ValueError(f"expected a share such as 90%, got {text!r:.80}")
    return share
