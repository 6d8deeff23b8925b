"""Status tells where a job stands, and says nothing that is not so."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from harness.base.clock import SystemClock
from harness.base.commands import NextCommand
from harness.core import run_events as r
from harness.core.fault_kinds import FaultKind
from harness.core.gate import Closed
from harness.core.messages import Message, message, told
from harness.core.types import Fault
from harness.ledger.lock import JobLock
from harness.ledger.waiting_note import WaitingNote
from harness.views.next_step import NextStep, next_step
from harness.views.status import Status, new, read_status
from harness.views.status_text import lines
from tests.covers import covers

if TYPE_CHECKING:
    from tests.views.conftest import Night


AT_RATE = message("at_rate", rate="1/h")
BUDGET = message("budget", budget_microusd=1_000_000, spent_microusd=700_000, needed_microusd=400_000)
CAP = message("cap_sessions", cap=3)


def deadline(*, is_date: bool) -> Message:
    return message("deadline", deadline="2026-11-21T07:00:00.000Z", is_date=is_date)


def text_of(status: Status, night: "Night", manifest: str = "job.yaml") -> str:
    return "\n".join(lines(status, night.clock.now(), manifest))


@contextmanager
def supervised(night: "Night") -> Iterator[None]:
    with JobLock(night.state / "lock", SystemClock()):
        yield


@covers("A25")
def test_every_item_is_in_one_state_and_the_sum_is_the_total(night: "Night") -> None:
    night.plan([f"S{n}" for n in range(6)], size=2)
    night.begin()
    night.attempt({"S1": ["no coach"]})
    night.start()
    with supervised(night):
        status = read_status(night.state, night.clock.now())
    assert status.counts.done == 1
    assert status.counts.running == 2
    assert status.counts.pending == 3
    assert status.counts.total == 6
    assert [str(current.batch) for current in status.current] == ["Batch 2/3 (2 schools)"]


def test_status_as_json_keeps_its_documented_shape(night: "Night") -> None:
    night.plan(["A", "B"])
    night.begin()
    night.strikes = 1
    night.attempt({"A": ["no coach"]})
    shape = read_status(night.state, night.clock.now()).as_json()
    json.dumps(shape)
    documented = [
        "schema_version",
        "job",
        "state",
        "rehearsal",
        "counts",
        "phases",
        "usage",
        "holds",
        "stop",
        "failed",
        "results",
        "workbooks",
        "as",
    ]
    assert list(shape) == documented
    assert shape["counts"] == {"pending": 1, "running": 0, "done": 0, "failed": 1, "blocked": 0, "skipped": 0}
    assert shape["phases"] == [{"name": "main", "noun": "school", "counts": shape["counts"]}]
    assert shape["usage"] == {"cost_usd": 0.07, "reserved_usd": 0.0, "sessions": 1}
    error = {"type": "rejected", "field": None, "message": "no coach"}
    assert shape["failed"] == [{"id": "A", "reason": "no coach", "attempts": 1, "errors": [error]}]
    assert shape["state"] == "stopped" and shape["stop"] is None
    assert shape["rehearsal"] is False


def test_nothing_runs_without_a_supervisor(night: "Night") -> None:
    night.plan(["A", "B"])
    night.begin()
    night.start()
    killed = read_status(night.state, night.clock.now())
    assert (killed.state, killed.counts.running, killed.counts.pending) == ("stopped", 0, 2)
    assert killed.reserved_microusd == 2_460_000, "it may have been spent"
    assert "did not shut down cleanly (killed, or the host went down)" in text_of(killed, night)
    with supervised(night):
        alive = read_status(night.state, night.clock.now())
    assert (alive.state, alive.counts.running, alive.reserved_microusd) == ("running", 1, 2_460_000)


def test_a_run_that_was_asked_to_stop_says_how_long_its_sessions_have(night: "Night") -> None:
    night.plan(["A", "B"])
    night.begin()
    night.start()
    with supervised(night):
        night.ledger.record(r.CancelAsked("anna", False, 30.0))
        asked = read_status(night.state, night.clock.now())
        assert "Stopping: no new sessions; running sessions are terminated in 30s at the latest" in text_of(
            asked, night
        )
        assert "At this pace" not in text_of(asked, night)
        night.ledger.record(r.CancelAsked("anna", True))
        again = read_status(night.state, night.clock.now())
        assert "running sessions are being terminated" in text_of(again, night)
    assert "Stopping" not in text_of(read_status(night.state, night.clock.now()), night)
    night.begin()
    with supervised(night):
        assert "Stopping" not in text_of(read_status(night.state, night.clock.now()), night)


def test_a_hold_tells_its_end_and_that_it_goes_on_by_itself(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    until = night.clock.now() + timedelta(hours=1, minutes=12)
    night.attempt(fault=Fault(FaultKind.USAGE_LIMIT, "provider", (told("the usage limit is reached"),), until))
    with supervised(night):
        status = read_status(night.state, night.clock.now())
        assert status.state == "holding"
        assert [hold["reason"] for hold in status.as_json()["holds"]] == ["provider fault usage_limit"]
        assert [hold["facts"] for hold in status.as_json()["holds"]] == [{"fault": "usage_limit"}]
        assert "then it continues automatically" in text_of(status, night)
    night.clock.at += timedelta(hours=2)
    assert read_status(night.state, night.clock.now()).hold is None


def test_what_the_supervisor_waits_for_is_told_until_it_is_over_and_only_while_it_lives(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    note, now = WaitingNote(night.state), night.clock.now()
    note.tell(Closed(now + timedelta(hours=3), "window", message("outside_window", window="01:00-02:00")))
    assert read_status(night.state, now).hold is None
    with supervised(night):
        status = read_status(night.state, now)
        assert status.state == "holding"
        assert "Hold (outside the window 01:00-02:00): until " in text_of(status, night)
        assert read_status(night.state, now + timedelta(hours=3)).hold is None
        (night.state / "waiting.json").write_text('{"until": ')
        assert read_status(night.state, now).hold is None
        note.tell(None)
        assert not (night.state / "waiting.json").exists()


def test_at_its_rate_a_job_with_sessions_runs_and_one_without_holds(night: "Night") -> None:
    night.plan(["A", "B"])
    night.begin()
    now = night.clock.now()
    WaitingNote(night.state).tell(Closed(now + timedelta(minutes=5), "rate", AT_RATE))
    with supervised(night):
        assert read_status(night.state, now).state == "holding"
        night.start()
        status = read_status(night.state, now)
    assert (status.state, [hold["kind"] for hold in status.as_json()["holds"]]) == ("running", ["at_rate"])


def test_a_wait_between_two_starts_is_nothing_to_tell_and_a_full_disk_no_fault(night: "Night") -> None:
    note, now = WaitingNote(night.state), night.clock.now()
    note.tell(Closed(now + timedelta(seconds=1), "stagger", message("staggered")))
    assert not (night.state / "waiting.json").exists()
    WaitingNote(night.state / "gone").tell(Closed(now, "rate", AT_RATE))


def test_a_pause_is_told_with_the_command_that_ends_it(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    night.ledger.record(r.Paused("anna"))
    with supervised(night):
        status = read_status(night.state, night.clock.now())
    assert status.state == "paused"
    assert "no new sessions until `harness resume`" in text_of(status, night)
    assert "Next: `harness resume`" in text_of(status, night)
    assert read_status(night.state, night.clock.now()).state == "stopped"


def test_failed_items_are_told_with_attempts_and_reasons(night: "Night") -> None:
    night.plan(["Boise State"])
    night.begin()
    for _ in range(3):
        night.attempt({"Boise State": ["name at least one coach"]})
    night.end(1)
    status = read_status(night.state, night.clock.now())
    text = text_of(status, night, "west.yaml")
    assert status.state == "finished"
    assert "0 of 1 school done, 1 failed" in text
    assert "Boise State, 3 attempts: name at least one coach" in text
    assert "`harness retry west.yaml --failed` or `harness report west.yaml`" in text


def test_the_state_words_lead_to_the_next_command(night: "Night") -> None:
    assert "Next: `harness launch`" in text_of(new("West", rehearsal=False), night)
    assert "Next: `harness rehearse`" in text_of(new("West", rehearsal=True), night)
    night.plan(["A"])
    night.begin()
    with supervised(night):
        assert "Next: `harness watch`" in text_of(read_status(night.state, night.clock.now()), night)
    night.attempt()
    night.end()
    assert "Next: `harness report`" in text_of(read_status(night.state, night.clock.now()), night)


@pytest.mark.parametrize(
    ("why", "says"),
    [
        (BUDGET, "raise `budget` in job.yaml, then `harness launch`"),
        (CAP, "raise `caps` in job.yaml, then `harness launch`"),
        (deadline(is_date=True), "set a later `deadline` in job.yaml, then `harness launch`"),
        (deadline(is_date=False), "Next: `harness launch`"),
        (message("stopped_by", who="SIGINT"), "Next: `harness launch`"),
    ],
)
def test_a_bound_that_was_reached_has_to_be_raised_first(why: Message, says: str, night: "Night") -> None:
    night.plan(["A", "B"])
    night.begin()
    night.attempt()
    night.end(3, why)
    assert says in text_of(read_status(night.state, night.clock.now()), night)


@pytest.mark.parametrize(
    ("why", "setting"),
    [
        (BUDGET, "budget=$0.10"),
        (CAP, "caps.sessions=3"),
        (CAP, "caps={sessions: 3}"),
        (deadline(is_date=True), "deadline=2026-11-21 07:00"),
    ],
)
def test_the_next_command_does_not_repeat_the_setting_that_was_too_small(
    why: Message, setting: str, night: "Night"
) -> None:
    night.plan(["A", "B"])
    night.begin()
    night.attempt()
    night.end(3, why)
    status = read_status(night.state, night.clock.now())
    words = ["--set", setting, "--set", "budget_per_session=$0.05"]
    step = next_step(status, "job.yaml", words)
    assert step == NextStep((NextCommand("launch", ("--set", "budget_per_session=$0.05")),), step.reached)
    assert step.reached == setting.split("=")[0].split(".")[0]


@covers("F50", "F203", "A23", "A76")
def test_the_pace_so_far_gives_the_estimated_end(night: "Night") -> None:
    night.plan(["A", "B", "C", "D"])
    night.begin()
    night.attempt()
    with supervised(night):
        status = read_status(night.state, night.clock.now())
        night.ledger.record(r.Paused("anna"))
        paused = read_status(night.state, night.clock.now())
    assert status.estimated_completion == night.clock.now() + timedelta(seconds=3 * 34)
    assert "Estimated completion:" in text_of(status, night)
    assert "At this pace" not in text_of(paused, night), "nobody knows how long it lasts"


def test_a_job_that_ended_by_itself_and_has_more_to_do_is_not_called_stopped(night: "Night") -> None:
    night.plan(["A", "B"])
    night.begin()
    night.attempt()
    night.end(1)
    text = text_of(read_status(night.state, night.clock.now()), night)
    assert "West 2026: unfinished" in text
    assert "with exit code 1: finished; 1 school reopened since" in text


def test_a_rehearsal_says_so_everywhere(rehearsed: "Night") -> None:
    rehearsed.plan(["A", "B"])
    rehearsed.begin()
    rehearsed.attempt()
    status = read_status(rehearsed.state, rehearsed.clock.now())
    text = text_of(status, rehearsed)
    assert "West 2026: stopped, rehearsal" in text
    assert "rehearsal: not real money" in text
    assert "Next: `harness rehearse`" in text
    assert status.as_json()["rehearsal"] is True


def test_I16_hostile_names_and_reasons_are_printed_harmlessly(night: "Night") -> None:
    night.strikes = 1
    night.plan(["\x1b]0;owned\x07Evil\nSchool"], noun="sch\x1b[31mool")
    night.begin()
    night.attempt({"\x1b]0;owned\x07Evil\nSchool": ["\x1b[2Jgone"]})
    text = text_of(read_status(night.state, night.clock.now()), night)
    assert "\x1b" not in text
    assert "Evil School, 1 attempt: gone" in text


def test_several_phases_are_told_one_by_one(night: "Night") -> None:
    night.plan(["A", "B"], size=2, noun="seed", phases=("translate", "decompose"))
    night.begin()
    night.attempt()
    text = text_of(read_status(night.state, night.clock.now()), night)
    assert "0 of 2 seeds done, 2 pending" in text
    assert "translate  2 seeds: 2 done" in text
    assert "decompose  2 seeds: 0 done, 2 pending" in text


def test_a_request_that_waits_is_told(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    (night.state / "control" / "00000000000000000001-abcd.json").write_text("{}")
    assert "1 request waits for the next launch" in text_of(read_status(night.state, night.clock.now()), night)


def test_status_loads_no_heavy_library() -> None:
    code = "import sys, harness.views.status, harness.views.status_text; print(*sorted(sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"xlsxwriter", "openpyxl", "jq", "jinja2", "jsonschema", "claude_agent_sdk", "rich", "yaml"}


def test_an_overload_is_a_hold_and_no_failure(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    night.attempt(fault=Fault(FaultKind.OVERLOADED, "provider", (told("the provider is overloaded: status 529"),)))
    status = read_status(night.state, night.clock.now())
    assert (status.counts.failed, status.counts.pending) == (0, 1)
    assert status.hold is not None


def test_why_the_last_run_ended_is_in_json_as_kind_facts_and_text(night: "Night") -> None:
    night.plan(["A", "B"])
    night.begin()
    night.attempt()
    night.end(3, CAP)
    stop = read_status(night.state, night.clock.now()).as_json()["stop"]
    assert (stop["kind"], stop["facts"]) == ("cap_sessions", {"cap": 3})
    assert stop["text"] == "the cap of 3 sessions is reached"
    night.begin()
    assert read_status(night.state, night.clock.now()).as_json()["stop"] is None


def test_a_run_that_an_older_version_ended_is_shown_in_its_words(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    night.ledger.record(r.RunEnded(3, "stopped by the moon"))
    assert "with exit code 3: stopped by the moon" in text_of(read_status(night.state, night.clock.now()), night)
