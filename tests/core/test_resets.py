"""A usage limit that tells its end in words alone is held until then; what cannot be read is held with backoff."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from harness.core.faults import classify
from harness.core.gate import hold_until
from harness.core.resets import told_reset
from harness.core.symptoms import RateLimit, Symptoms

NOW = datetime(2026, 11, 20, 15, 0, 30, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Australia/Lord_Howe")
LIMITED = Symptoms(exit_code=1, is_error=True, subtype="success", api_error_status=429)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("You've hit your 5-hour limit · resets 4pm (UTC)", "2026-11-20 16:01"),
        ("You've hit your session limit · resets 3:39pm (UTC)", "2026-11-20 15:40"),
        ("You've hit your session limit · resets 3pm (UTC)", "2026-11-20 15:01"),
        ("You've hit your limit · resets 12am (UTC)", "2026-11-21 00:01"),
        ("You've hit your limit · resets 12pm (UTC)", "2026-11-21 12:01"),
        ("You've hit your limit · resets 6:30 PM (Europe/Berlin)", "2026-11-20 17:31"),
        ("You've hit your limit · resets 1am (Asia/Kolkata)\n/login to switch", "2026-11-20 19:31"),
        ("You've hit your weekly limit · resets Nov 24, 11am (Europe/Berlin)", "2026-11-24 10:01"),
        ("You've hit your Opus limit · resets Nov 24 at 9:30am (UTC)", "2026-11-24 09:31"),
        ("Claude usage limit reached. Your limit will reset at 7pm (America/New_York).", "2026-11-21 00:01"),
        ("You've hit your limit · resets 10pm", "2026-11-20 18:01"),
    ],
)
def test_P09_a_limit_told_in_words_ends_when_they_say(text: str, until: str) -> None:
    assert told_reset(text, NOW, zone=ZoneInfo("Asia/Dubai")) == utc(until)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "You've hit your limit",
        "You've hit your limit · resets soon",
        "You've hit your limit · resets 13pm (UTC)",
        "You've hit your limit · resets 0am (UTC)",
        "You've hit your limit · resets 4:75pm (UTC)",
        "You've hit your limit · resets 16:00 (UTC)",
        "You've hit your limit · resets 4pm (Mars/Olympus)",
        "You've hit your limit · resets 4pm (../../etc/passwd)",
        "You've hit your limit · resets Foo 3, 4pm (UTC)",
        "You've hit your weekly limit · resets Feb 30, 4pm (UTC)",
        "You've hit your 5-hour limit · resets 11pm (UTC)",  # a window of five hours has no end eight hours ahead
        "You've hit your limit · resets 2:58pm (UTC)",  # it has just passed
        "Sales of the item: it resets 4pm (UTC)",
        "Found:\nYou've hit your limit · resets 4pm (UTC)",
    ],
)
def test_P09_what_cannot_be_read_or_meant_is_no_time(text: str) -> None:
    assert told_reset(text, NOW) is None


@pytest.mark.parametrize(
    ("now", "told", "until"),
    [
        ("2026-10-25 00:10", "2:30am (Europe/Berlin)", "2026-10-25 01:31"),  # shown twice: the later one
        ("2026-11-01 04:00", "1:15am (America/New_York)", "2026-11-01 06:16"),
        ("2026-03-29 00:10", "2:30am (Europe/Berlin)", "2026-03-29 01:31"),  # skipped: half an hour after the jump
        ("2026-12-31 22:00", "Jan 2, 5am (UTC)", "2027-01-02 05:01"),
    ],
)
def test_P09_an_hour_that_is_shown_twice_is_the_later_and_one_that_is_skipped_comes_after(
    now: str, told: str, until: str
) -> None:
    assert told_reset(f"You've hit your limit · resets {told}", utc(now)) == utc(until)


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    ahead=st.timedeltas(timedelta(minutes=1), timedelta(hours=22)),
    zone=st.sampled_from(ZONES),
)
@example(utc("2026-04-04 10:00"), timedelta(hours=4, minutes=40), "Australia/Lord_Howe")
def test_P09_no_reset_is_read_too_early_nor_much_too_late(now: datetime, ahead: timedelta, zone: str) -> None:
    reset = now + ahead
    local = reset.astimezone(ZoneInfo(zone))
    minute = f":{local:%M}" if local.minute else ""
    read = told_reset(f"You've hit your limit · resets {local.hour % 12 or 12}{minute}{local:%p} ({zone})".lower()
                      .replace(zone.lower(), zone), now)  # fmt: skip
    is_shown_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    assume(read is not None or not is_shown_twice)
    assert read is not None
    assert reset < read <= reset + timedelta(minutes=1) + timedelta(hours=1) * is_shown_twice


@given(st.text(max_size=200))
@example("limit resets Feb 29, 4pm (America)")
@example("limit resets Feb 1, 9999, 4pm (UTC)")
@example("limit resets Feb 1, 0000, 4pm (UTC)")
@example("limit resets Dec 31, 9999, 11pm (America/New_York)")
def test_P09_no_text_breaks_the_reading(text: str) -> None:
    read = told_reset(text, NOW)
    assert read is None or read > NOW


def test_P09_a_limit_in_words_alone_holds_until_its_time_and_an_unreadable_one_with_backoff() -> None:
    fault = classify(replace(LIMITED, text="You've hit your limit · resets 4pm (UTC)"))
    assert fault is not None
    assert fault.kind == "usage_limit"
    assert hold_until(fault, 1, NOW) == utc("2026-11-20 16:01:02")
    unreadable = classify(replace(LIMITED, text="You've hit your limit · resets at some time"))
    assert unreadable is not None
    assert unreadable.kind == "usage_limit"
    assert hold_until(unreadable, 1, NOW) == NOW + timedelta(seconds=30)


def test_P09_words_are_not_read_beside_a_stated_reset_nor_for_another_fault() -> None:
    text, stated = "You've hit your limit · resets 4pm (UTC)", NOW + timedelta(hours=3)
    fault = classify(replace(LIMITED, text=text, rate_limit=RateLimit("rejected", stated, "five_hour")))
    assert fault is not None
    assert hold_until(fault, 1, NOW) == stated + timedelta(seconds=2)
    overloaded = classify(replace(LIMITED, api_error_status=529, text=text))
    assert overloaded is not None
    assert hold_until(overloaded, 1, NOW) == NOW + timedelta(seconds=30)
