"""Limits and refusals of the provider: nobody is struck, nothing starts against a limit, and the job gets done."""

from datetime import UTC, datetime

import pytest

from tests.covers import covers
from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import Job, until

RESET_S = 8
"""Far enough away that the job could start everything it has before the reset."""


def assert_the_limit_was_respected(job: Job) -> None:
    record = job.record()
    rejected = [asked for asked in record.requests if asked.fault == "limit"]
    (hold, *_) = record.of("HoldPlaced")
    until_ = datetime.fromisoformat(hold["until"])
    assert hold["why"] == {"kind": "provider_fault", "facts": {"fault": "usage_limit"}}
    assert (until_ - hold.time).total_seconds() > 1
    met = {asked.session for asked in rejected}
    in_flight = {entry["session_id"] for entry in record.of("AttemptStarted") if entry.time <= hold.time}
    assert met <= in_flight, "a session was started after the rejection was heard, before the reset"
    assert not [entry for entry in record.of("AttemptStarted") if hold.time < entry.time < until_]
    assert job.count("ItemStruck") == 0
    job.assert_laws_hold()


@covers("F74")
def test_nothing_starts_between_a_usage_limit_and_its_reset(small: MakeJob, untouched: dict[str, bytes]) -> None:
    job = small("plain", 4)
    said = job.play("--faults", f"limit={RESET_S}@3")
    assert said.code == 0, said.all
    assert job.merged() == untouched
    assert_the_limit_was_respected(job)


def test_P06_a_usage_limit_at_the_first_session_is_waited_for_and_no_error(
    small: MakeJob, untouched: dict[str, bytes]
) -> None:
    job = small("plain", 4)
    said = job.play("--faults", "limit=4@1")
    assert said.code == 0, said.all
    assert job.merged() == untouched
    assert_the_limit_was_respected(job)


def test_a_usage_limit_outlives_the_supervisor(small: MakeJob, untouched: dict[str, bytes]) -> None:
    job = small("plain", 4)
    words = ("--faults", f"limit={2 * RESET_S}@2")
    running = job.begin(*words)
    until(lambda: running.is_over() or job.has("HoldPlaced"), "the hold")
    running.kill()
    until(lambda: not job.sessions(), "sessions to end")
    running = job.begin(*words)
    until(lambda: running.is_over() or job.count("RunStarted") == 2, "the second run")
    status, placed = job.status(), job.record().of("HoldPlaced")[-1]
    is_over = datetime.now(UTC) >= datetime.fromisoformat(placed["until"])
    assert is_over or (status["state"] == "holding" and status["holds"][0]["facts"] == {"fault": "usage_limit"}), status
    said = running.end()
    assert said.code == 0, said.all
    assert job.merged() == untouched
    assert_the_limit_was_respected(job)


def test_P11_a_refused_key_stops_the_job_with_what_to_do_and_strikes_nobody(small: MakeJob) -> None:
    job = small("plain", 7)
    said = job.play("--faults", "401:*@5")
    assert said.code == 4, said.all
    assert "stopped: " in said.err and "401" in said.err
    assert any(word in said.err.lower() for word in ("key", "credential", "token")), said.err
    assert job.count("ItemStruck") == 0 and job.count("ItemAccepted") == 4
    assert job.count("AttemptStarted") <= 7, "after the refusal: what was in flight, and one probe"
    status = job.status()
    assert status["state"] == "stopped" and status["counts"]["done"] == 4 and status["counts"]["pending"] == 3
    again = job.play()
    assert again.code == 0, again.all
    job.assert_laws_hold()


@pytest.mark.parametrize(("fault", "kind"), [("403", "forbidden"), ("credit", "credit"), ("model404", "unknown_model")])
def test_P12_what_a_person_has_to_mend_stops_the_job_after_one_answer(small: MakeJob, fault: str, kind: str) -> None:
    job = small("plain", 3, parallel=1)
    said = job.play("--faults", f"{fault}:*@2")
    assert said.code == 4 and "stopped: " in said.err, said.all
    assert job.count("AttemptEnded", fault=kind, blame="config") == 1
    assert job.count("AttemptStarted") == 2 and job.count("ItemAccepted") == 1 and job.count("ItemStruck") == 0
    assert job.play().code == 0
    job.assert_laws_hold()


@covers("F74")
def test_an_overloaded_provider_costs_no_strike(small: MakeJob, untouched: dict[str, bytes]) -> None:
    """529 as often as the CLI itself goes on trying, in one session: healed inside it or by another attempt."""
    job = small("plain", 4)
    said = job.play("--faults", "529:2@2")
    assert said.code == 0, said.all
    assert job.count("ItemStruck") == 0 and job.merged() == untouched
    assert sum(asked.fault == "529" for asked in job.record().requests) == 2
    job.assert_laws_hold()
