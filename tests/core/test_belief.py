"""Laws of belief: what a session's own words may cost others, and what is accepted of whom."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from harness.base.ids import Sha
from harness.base.slices import Slice
from harness.core.claims import as_claim, claims
from harness.core.events import AttemptEnded, Event, GroupQueued, ItemAccepted, UsageSettled
from harness.core.fault_kinds import FaultKind
from harness.core.faults import classify, consequence
from harness.core.messages import message
from harness.core.messages import told as said
from harness.core.open_attempt import Open
from harness.core.run_events import HoldPlaced
from harness.core.settle import NO_STRIKE_RETRIES, settle
from harness.core.symptoms import RateLimit, Symptoms
from harness.core.types import Ending, Fault, Judgement, SessionFacts
from tests.core.settling import GOOD, MISSING, NOW, an_attempt, failed, queued, struck

RESET = NOW + timedelta(days=7)
LIMIT: dict[str, Any] = {"is_error": True, "rate_limit": RateLimit("rejected", RESET)}
WORDS: dict[str, dict[str, Any]] = {
    "usage_limit": LIMIT,
    "auth": {"is_error": True, "api_error_status": 401},
    "credit": {"is_error": True, "api_error_status": 402},
    "forbidden": {"is_error": True, "api_error_status": 403},
    "unknown_model": {"is_error": True, "api_error_status": 404},
    "overloaded": {"is_error": True, "api_error_status": 529},
    "throttled": {"is_error": True, "api_error_status": 429},
    "server_error": {"is_error": True, "api_error_status": 500},
    "network": {"is_error": True, "api_error": "connection_failed"},
    "silent": {"clock": "silence", "waited_for": "model"},
}


def told(word: str, *, used_tools: bool) -> Fault:
    fault = classify(Symptoms(**WORDS[word], used_tools=used_tools))
    assert fault is not None
    assert fault.kind == word
    return fault


def events_of(open_: Open, fault: Fault | None, **facts: Any) -> list[Event]:
    verdicts = {member.id: MISSING if fault else GOOD for member in open_.members}
    spans = {} if fault else {member.id: Slice(Sha("s"), 0, 1) for member in open_.members}
    facts = {"cost_usd": Decimal("0.1")} | facts
    ending = Ending((), (), fault, SessionFacts(**facts), timedelta(seconds=3))
    return settle(open_, ending, Judgement(verdicts, usable=fault is None), spans, NOW)


def end(events: Sequence[Event]) -> AttemptEnded:
    assert isinstance(events[-1], AttemptEnded)
    return events[-1]


def is_held(events: Sequence[Event]) -> bool:
    return any(isinstance(event, HoldPlaced) for event in events)


def again(events: Sequence[Event]) -> GroupQueued:
    (queued_again,) = [event for event in events if isinstance(event, GroupQueued)]
    return queued_again


@pytest.mark.parametrize("word", WORDS)
def test_a_word_before_any_tool_call_is_believed_at_once(word: str) -> None:
    fault = told(word, used_tools=False)
    events = events_of(an_attempt([0]), fault)
    assert is_held(events) == (consequence(fault.kind) in ("hold", "wait"))
    assert (end(events).outcome == "stopped") == (consequence(fault.kind) == "stop")


@pytest.mark.parametrize("word", WORDS)
def test_a_word_after_a_tool_call_costs_nobody_anything(word: str) -> None:
    events = events_of(an_attempt([0, 0]), told(word, used_tools=True))
    assert not is_held(events)
    assert end(events).outcome == "no_strike"
    assert struck(events) == []
    assert queued(events) == [("again", ("i0", "i1"))]


@pytest.mark.parametrize("word", WORDS)
def test_the_same_group_is_believed_three_times_and_then_it_is_its_own_doing(word: str) -> None:
    last = events_of(an_attempt([0], no_strike_retries=NO_STRIKE_RETRIES - 1), told(word, used_tools=True))
    assert (again(last).no_strike_retries, again(last).last_no_strike) == (NO_STRIKE_RETRIES, 7)
    events = events_of(an_attempt([0], no_strike_retries=NO_STRIKE_RETRIES), told(word, used_tools=True))
    assert struck(events) == ["i0"]
    assert end(events).blame == "session"
    assert not is_held(events)


def test_a_claim_that_others_have_met_already_uses_up_no_belief() -> None:
    held = replace(an_attempt([0]), held_until=NOW + timedelta(hours=1))
    assert again(events_of(held, told("usage_limit", used_tools=True))).no_strike_retries == 0
    over = replace(an_attempt([0]), held_until=NOW - timedelta(hours=1))
    assert again(events_of(over, told("usage_limit", used_tools=True))).no_strike_retries == 1


def test_a_limit_that_no_tool_can_have_told_is_never_doubted() -> None:
    events = events_of(
        an_attempt([0], no_strike_retries=9, others_well=True), told(FaultKind.USAGE_LIMIT, used_tools=False)
    )
    assert is_held(events)
    assert struck(events) == []


def test_what_this_program_saw_itself_is_no_claim() -> None:
    assert not claims(Fault(FaultKind.SUPERVISOR_LOST, "host", (said(""),), evidence={"used_tools": True}))
    assert not claims(classify(Symptoms(errno=28, used_tools=True)))
    assert not claims(classify(Symptoms(exit_code=127, used_tools=True)))


def test_no_told_cost_is_above_what_a_session_can_cost() -> None:
    bounded = replace(an_attempt([0]), most_microusd=3_000_000)
    events = events_of(bounded, None, cost_usd=Decimal(999_999))
    (usage,) = [event for event in events if isinstance(event, UsageSettled)]
    assert usage.charged_microusd == 3_000_000
    assert end(events).noted == (message("cost_impossible", told_microusd=999_999_000_000, most_microusd=3_000_000),)
    (usage,) = [event for event in events_of(bounded, None) if isinstance(event, UsageSettled)]
    assert usage.charged_microusd == 100_000


def test_no_record_of_a_model_that_was_neither_asked_nor_named_is_accepted() -> None:
    events = events_of(an_attempt([0]), None, unasked=("claude-opus-4-8",))
    assert not any(isinstance(event, ItemAccepted) for event in events)
    assert failed(events) == ["i0"]
    assert end(events).why == (message("unasked_models", models=["claude-opus-4-8"]),)
    assert end(events).blame == "session"
    assert queued(events_of(an_attempt([0, 0]), None, unasked=("x",))) == [("halved", ("i0",)), ("halved", ("i1",))]


def test_another_model_from_the_first_answer_on_stops_the_job_and_strikes_nobody() -> None:
    events = events_of(an_attempt([0]), None, unasked=("x",), is_set_up_unasked=True)
    assert (end(events).fault, end(events).outcome) == ("wrong_model", "stopped")
    assert struck(events) == []


def test_a_claim_is_nobodys_doing_until_it_comes_too_often_and_then_the_sessions() -> None:
    fault = told("usage_limit", used_tools=True)
    assert as_claim(fault, is_transient=True).blame == fault.blame
    assert as_claim(fault, is_transient=False).blame == "session"


def test_another_model_in_a_session_that_the_host_ended_is_still_the_hosts_doing() -> None:
    killed = classify(Symptoms(signal=9))
    assert end(events_of(an_attempt([0]), killed, unasked=("x",))).blame == "host"


def test_nobody_is_struck_for_another_model_in_a_session_that_a_person_ended() -> None:
    events = events_of(an_attempt([0]), Fault(FaultKind.CANCELLED, "operator", (said("cancelled"),)), unasked=("x",))
    assert struck(events) == []
    assert queued(events) == [("again", ("i0",))]


def test_an_acceptance_names_the_model_that_answered() -> None:
    events = events_of(an_attempt([0]), None, model="claude-opus-4-8")
    assert [event.model for event in events if isinstance(event, ItemAccepted)] == ["claude-opus-4-8"]
