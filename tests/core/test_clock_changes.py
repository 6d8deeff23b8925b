"""Times of day on the nights on which the clocks change: a zone has rules, an offset is true for one moment only."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from harness.base.clock import LOCAL_ZONE
from harness.core.resets import told_reset
from harness.job.bounds import parse_deadline, parse_window
from tests.covers import covers

BERLIN = ZoneInfo("Europe/Berlin")
"""02:00 to 03:00 does not exist on 2027-03-28, and exists twice on 2027-10-31."""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.fixture(params=["Europe/Berlin", "CET-1CEST,M3.5.0/2,M10.5.0/3"])
def machine_in_berlin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("now", "deadline", "moment"),
    [
        ("2027-03-27 21:00", "07:00", "2027-03-28 05:00"),
        ("2027-10-30 20:00", "07:00", "2027-10-31 06:00"),
        ("2027-03-27 21:00", "02:30", "2027-03-28 01:00"),  # never shown: when the clocks jump over it
        ("2027-10-30 20:00", "02:30", "2027-10-31 00:30"),  # shown twice: the first time
        ("2027-10-31 00:45", "02:30", "2027-11-01 01:30"),
        ("2027-10-31 01:15", "02:30", "2027-11-01 01:30"),
    ],
)
@pytest.mark.usefixtures("machine_in_berlin")
def test_a_deadline_means_what_the_clock_shows_that_morning(now: str, deadline: str, moment: str) -> None:
    for zone in (BERLIN, LOCAL_ZONE):
        assert parse_deadline(deadline).moment(utc(now), zone) == utc(moment)


@pytest.mark.parametrize(
    ("window", "now", "opens", "closes"),
    [
        ("22:00-07:00", "2027-03-27 12:00", "2027-03-27 21:00", "2027-03-28 05:00"),
        ("22:00-07:00", "2027-10-30 12:00", "2027-10-30 20:00", "2027-10-31 06:00"),
        ("02:30-05:00", "2027-03-27 12:00", "2027-03-28 01:00", "2027-03-28 03:00"),
        ("22:00-02:30", "2027-03-27 12:00", "2027-03-27 21:00", "2027-03-28 01:00"),
        ("02:30-05:00", "2027-10-30 12:00", "2027-10-31 00:30", "2027-10-31 04:00"),
        ("22:00-02:30", "2027-10-30 12:00", "2027-10-30 20:00", "2027-10-31 00:30"),
        ("02:15-02:45", "2027-03-27 12:00", "2027-03-29 00:15", "2027-03-29 00:45"),  # not in the night between
    ],
)
@pytest.mark.usefixtures("machine_in_berlin")
def test_a_window_opens_once_a_night_and_as_the_clock_shows(window: str, now: str, opens: str, closes: str) -> None:
    for zone in (BERLIN, LOCAL_ZONE):
        parsed = parse_window(window)
        assert parsed.opens(utc(now), zone) == utc(opens)
        assert parsed.opens(utc(opens), zone) is None
        assert parsed.closes(utc(opens), zone) == utc(closes)
        assert (parsed.opens(utc(closes), zone) or utc(closes)) > utc(closes)


@pytest.mark.usefixtures("machine_in_berlin")
def test_a_time_that_the_clocks_show_twice_opens_no_window_twice() -> None:
    window = parse_window("22:00-02:30")
    assert window.opens(utc("2027-10-31 01:10")) == utc("2027-10-31 21:00")  # 02:10, for the second time
    assert parse_window("02:30-05:00").opens(utc("2027-10-31 01:10")) is None


@pytest.mark.usefixtures("machine_in_berlin")
def test_a_reset_in_local_time_is_that_of_the_other_side_of_the_change() -> None:
    for now, until in (("2027-03-28 00:30", "2027-03-28 03:01"), ("2027-10-31 00:30", "2027-10-31 04:01")):
        assert told_reset("You've hit your session limit · resets 5am", utc(now)) == utc(until)


@covers("A89")
@pytest.mark.usefixtures("machine_in_berlin")
def test_the_zone_of_this_machine_reads_and_writes_every_hour_of_a_change() -> None:
    for change in (utc("2027-03-27 20:00"), utc("2027-10-30 20:00")):
        for moment in (change + timedelta(minutes=15 * number) for number in range(48)):
            here = moment.astimezone(LOCAL_ZONE)
            assert here.replace(tzinfo=None) == moment.astimezone(BERLIN).replace(tzinfo=None)
            assert here.astimezone(UTC) == moment
