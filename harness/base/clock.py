"""Time, as the rest of the program is allowed to see it."""

import asyncio
import sys
import time
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as TimeOfDay
from typing import Final, Protocol


class Clock(Protocol):
    """Wall time for limit resets and display; monotonic time for every deadline."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; a negative number is no wait."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


def seconds_asleep() -> float:
    """How long this machine has slept; only differences mean something. What it sleeps, monotonic time leaves out."""
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class _LocalZone(tzinfo):
    """The zone of this machine with its rules (TZ, else /etc/localtime), by the C library.

    `datetime.astimezone()` gives the offset of one moment only, which is wrong on the other side of a clock change.
    """

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None, /) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None, /) -> str | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime, /) -> datetime:
        local = moment.replace(tzinfo=UTC).astimezone()
        here = local.replace(tzinfo=self, fold=0)
        return here if here.utcoffset() == local.utcoffset() else here.replace(fold=1)


LOCAL_ZONE: Final[tzinfo] = _LocalZone()


def first_moment(day: date, clock: TimeOfDay, zone: tzinfo) -> datetime:
    """The first moment, in UTC, at which the clocks of `zone` show `clock` on `day`.

    Where the clocks skip that time, the moment at which they jump over it.
    """
    wall = datetime.combine(day, clock)
    before, moment = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if before == moment or before.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return before
    while (seconds := int((moment - before).total_seconds())) > 1:
        middle = before + timedelta(seconds=seconds // 2)
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            before = middle
        else:
            moment = middle
    return moment


def to_text(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z, to the millisecond: `2026-11-20T22:15:03.120Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The moment that `to_text` wrote. A text without a zone is read as local time."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC)


def from_text_or_none(text: str | None) -> datetime | None:
    """None where the ledger has no time."""
    return from_text(text) if text else None
