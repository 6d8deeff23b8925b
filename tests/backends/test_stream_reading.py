"""Laws of reading the CLI's stream: facts, symptoms and the pulse, from raw lines."""

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.backends.activity import Pulse
from harness.backends.cli_stream import StreamReading
from harness.base.ids import AttemptId
from harness.core.faults import classify
from harness.core.models import AskedModels
from harness.core.types import SessionEvent

INIT = {"type": "system", "subtype": "init", "model": "claude-x", "session_id": "s", "claude_code_version": "2.1.329"}
RESULT: dict[str, Any] = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "num_turns": 2,
    "total_cost_usd": 0.25,
    "stop_reason": "end_turn",
    "result": "done",
    "terminal_reason": "completed",
    "modelUsage": {"claude-x": {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 3}},
}


def assistant(*blocks: dict[str, Any], id_: str = "m1", **line: Any) -> dict[str, Any]:
    usage = {"input_tokens": 10, "output_tokens": 20}
    return {
        "type": "assistant",
        "message": {"id": id_, "model": "claude-x", "content": list(blocks), "usage": usage},
    } | line


def tool(id_: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": "Write", "input": {"file_path": "/mnt/work/output.json"}}


def tool_result(id_: str) -> dict[str, Any]:
    return {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": id_}]}}


def watched() -> tuple[StreamReading, Pulse, list[SessionEvent]]:
    events: list[SessionEvent] = []
    ticks = itertools.count()
    pulse = Pulse(AttemptId(1), lambda: float(next(ticks)), events.append)
    return StreamReading("s", pulse), pulse, events


def asked(*names: str) -> StreamReading:
    return StreamReading("s", asked=AskedModels(names))


def answer(model: str, uuid: str, *blocks: dict[str, Any], **line: Any) -> dict[str, Any]:
    told = assistant(*blocks, id_=f"m-{uuid}", uuid=uuid, **line)
    return told | {"message": told["message"] | {"model": model}}


def switch(fallback: str, *retracted: str) -> dict[str, Any]:
    return {
        "type": "system",
        "subtype": "model_refusal_fallback",
        "original_model": "claude-opus-5-5",
        "fallback_model": fallback,
        "retracted_message_uuids": list(retracted),
    }


def test_the_model_is_the_one_that_answered_and_not_the_one_whose_refusal_was_taken_back() -> None:
    reading = asked("opus", "opus-4-8")
    lines = (
        INIT | {"model": "claude-opus-5-5"},
        answer("claude-opus-5-5", "u1"),
        switch("claude-opus-4-8", "u1"),
        answer("claude-opus-4-8", "u2", supersedes=["u1"]),
    )
    for line in lines:
        reading.take(line)
    facts = reading.facts()
    assert (facts.model, facts.unasked) == ("claude-opus-4-8", ())


def test_two_models_whose_answers_stand_are_both_named() -> None:
    reading = asked("opus", "opus-4-8")
    for line in (answer("claude-opus-5-5", "u1"), answer("claude-opus-4-8", "u2"), answer("claude-opus-5-5", "u3")):
        reading.take(line)
    assert reading.facts().model == "claude-opus-5-5, claude-opus-4-8"


def test_a_model_that_was_neither_asked_nor_named_is_told_wherever_it_shows() -> None:
    for line in (
        answer("claude-opus-4-8", "u2"),
        switch("claude-opus-4-8"),
        answer("claude-opus-4-8", "u2", tool("t")),
    ):
        reading = asked("opus")
        reading.take(answer("claude-opus-5-5", "u1"))
        reading.take(line)
        facts = reading.facts()
        assert (facts.unasked, facts.is_set_up_unasked) == (("claude-opus-4-8",), False)
    reading = asked("opus")
    reading.take(answer("claude-sonnet-5-5", "u1", tool("t")))
    assert reading.facts().is_set_up_unasked


def test_a_switch_before_the_first_answer_is_no_fault_of_the_set_up() -> None:
    reading = asked("opus")
    for line in (switch("claude-opus-4-8"), answer("claude-opus-4-8", "u1")):
        reading.take(line)
    assert reading.facts().unasked == ("claude-opus-4-8",)
    assert not reading.facts().is_set_up_unasked


def test_names_of_models_and_answers_are_bounded() -> None:
    reading = asked("opus")
    for number in range(5_000):
        reading.take(answer(f"{number}" + "x" * 1000, str(number)))
    assert len(reading.facts().model or "") < 5_000
    assert len(reading.facts().unasked) <= 16


def test_what_is_said_after_a_tool_call_is_marked_and_heard_by_nobody_else() -> None:
    limit = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1795190409}}
    reading, _, events = watched()
    for line in (INIT, assistant({"type": "text", "text": "x"}), limit):
        reading.take(line)
    assert not reading.symptoms().used_tools
    assert [event.is_rejected for event in events if event.kind == "limit"] == [True]
    for line in (assistant(tool("t1"), id_="m2"), tool_result("t1"), limit):
        reading.take(line)
    assert reading.symptoms().used_tools
    assert len([event for event in events if event.kind == "limit"]) == 1


def test_who_it_is_and_what_runs_it_is_told_once() -> None:
    reading = asked("opus")
    reading.take(INIT)
    reading.take(INIT | {"model": "other", "claude_code_version": "9"})
    assert (reading.facts().model, reading.facts().cli_version) == ("claude-x", "2.1.329")


def test_a_good_session_tells_its_facts() -> None:
    reading, _, events = watched()
    for line in (INIT, assistant(tool("t1")), tool_result("t1"), assistant({"type": "text", "text": "ok"}), RESULT):
        reading.take(line)
    facts = reading.facts()
    assert (facts.model, facts.cli_version, facts.turns, facts.said) == ("claude-x", "2.1.329", 2, "done")
    assert (facts.input_tokens, facts.output_tokens, facts.cache_read_tokens) == (1, 2, 3)
    assert facts.cost_usd == Decimal("0.25")
    assert facts.reached_model
    assert classify(reading.symptoms()) is None
    assert [event.kind for event in events] == ["started", "responded", "tool", "tool_done", "text"]


def test_it_waits_for_a_tool_while_one_runs_and_else_for_the_model() -> None:
    reading, pulse, _ = watched()
    assert pulse.waits_for == "init"
    seen = []
    for line in (INIT, assistant(tool("t1"), tool("t2")), tool_result("t1"), tool_result("t2")):
        reading.take(line)
        seen.append(pulse.waits_for)
    assert seen == ["model", "tool", "tool", "model"]


@pytest.mark.parametrize("cost", [None, "0.1", -1, float("nan"), float("inf"), True, 10**400])
def test_P17_a_cost_that_is_no_cost_is_not_known(cost: object) -> None:
    reading = StreamReading("s")
    reading.take(RESULT | {"total_cost_usd": cost})
    assert reading.facts().cost_usd is None


def test_P17_nothing_charged_for_answers_that_came_is_not_known() -> None:
    reading = StreamReading("s")
    reading.take(RESULT | {"total_cost_usd": 0})
    assert reading.facts().cost_usd is None


def test_a_session_cut_off_before_its_result_has_tokens_and_no_cost() -> None:
    reading = StreamReading("s")
    for line in (INIT, assistant(tool("a")), assistant(tool("b")), assistant(tool("c"), id_="m2")):
        reading.take(line)
    facts = reading.facts()
    assert facts.cost_usd is None
    assert (facts.input_tokens, facts.output_tokens) == (20, 40)


def test_P05_a_limit_is_told_with_its_reset_before_and_after_the_end() -> None:
    reading, _, events = watched()
    limit = {
        "status": "rejected",
        "resetsAt": 1795190409,
        "rateLimitType": "five_hour",
        "unifiedWindows": {"five_hour": {"utilization": 1}, "seven_day": {"utilization": 0.4}},
    }
    reading.take(INIT)
    reading.take({"type": "rate_limit_event", "rate_limit_info": limit})
    reading.take(assistant(error="rate_limit", api_error="usage_limit_reached", api_error_status=429))
    reading.take(RESULT | {"is_error": True, "api_error_status": 429, "terminal_reason": "api_error"})
    assert events[-1].kind == "limit"
    assert events[-1].utilization == 1
    fault = classify(reading.symptoms())
    assert fault is not None
    assert fault.kind == "usage_limit"
    assert fault.until is not None
    assert fault.until.timestamp() == 1795190409
    assert not reading.facts().reached_model


def test_the_status_of_a_retry_that_never_ended_is_kept() -> None:
    reading, _, events = watched()
    reading.take(INIT)
    reading.take({"type": "system", "subtype": "api_retry", "error_status": 529, "attempt": 1})
    assert events[-1].kind == "retrying"
    assert reading.symptoms().api_error_status == 529
    reading.take(assistant({"type": "text", "text": "healed"}))
    assert reading.symptoms().api_error_status is None


def test_denials_are_named_with_what_they_were_for() -> None:
    reading = StreamReading("s")
    denial = {"tool_name": "Write", "tool_input": {"file_path": "/etc/x", "content": "..."}}
    reading.take(RESULT | {"permission_denials": [denial, {"tool_name": "Bash"}]})
    assert reading.facts().denials == ("Write(/etc/x)", "Bash")


def test_half_a_surrogate_pair_is_kept_nowhere() -> None:
    half, (reading, _, events) = "x\udcff", watched()
    reading.take(INIT | {"model": half})
    reading.take({"type": "system", "subtype": "api_retry", "attempt": half, "error": half})
    reading.take(assistant({"type": "text", "text": half}, tool("t") | {"name": half, "input": {"path": half}}))
    denial = {"tool_name": half, "tool_input": {"command": half}}
    failed = {"is_error": True, "stop_reason": half, "errors": [half], "result": half, "permission_denials": [denial]}
    reading.take(RESULT | failed)
    assert reading.facts().said == "x\ufffd"
    told = [reading.facts().stop_reason, *reading.facts().denials, reading.symptoms().text]
    assert told == ["x\ufffd", "x\ufffd(x\ufffd)", "x\ufffd"]
    assert "\udcff" not in "".join(event.text for event in events)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
KEYS = st.sampled_from(
    [
        "message",
        "error",
        "rate_limit_info",
        "subtype",
        "result",
        "permission_denials",
        "modelUsage",
        "errors",
        "attempt",
    ]
)
TYPES = st.sampled_from(["system", "assistant", "user", "rate_limit_event", "result", "novelty"])


@given(st.lists(st.tuples(TYPES, st.dictionaries(KEYS, JSON, max_size=4)), max_size=4))
def test_S12_no_line_of_any_shape_breaks_the_reading(lines: list[tuple[str, dict[str, Any]]]) -> None:
    reading, _, _ = watched()
    for kind, line in lines:
        reading.take(line | {"type": kind})
    reading.facts()
    classify(reading.symptoms())
