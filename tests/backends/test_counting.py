"""Laws of the count: every request that begins is charged until its usage is known."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from harness.backends.conversation import Conversation
from harness.backends.usage_count import Count
from harness.core.prices import cost_of, worst_response_usd

Line = dict[str, Any]

USAGE: Line = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 5_000,
    "cache_read_input_tokens": 200,
    "output_tokens": 1,
}
PROMPT_BYTES = 4_000
INIT: Line = {"type": "system", "subtype": "init", "model": "claude-sonnet-5-5"}
REQUESTING: Line = {"type": "system", "subtype": "status", "status": "requesting"}
BROKEN: Line = {"type": "stream_event", "event": {"type": "message_stop"}, "abandoned_blocks": {"from_block_index": 0}}
INTERRUPTED: Line = {
    "type": "user",
    "message": {"content": [{"type": "text", "text": "[Request interrupted by user]"}]},
}


def event(**fields: Any) -> Line:
    return {"type": "stream_event", "event": fields, "parent_tool_use_id": None}


def begins(id_: str = "m1", usage: Line = USAGE, model: str = "claude-sonnet-5-5") -> Line:
    return event(type="message_start", message={"id": id_, "model": model, "usage": usage})


def says(text: str) -> Line:
    return event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def ends(output_tokens: int, stop: str | None = "end_turn") -> Line:
    return event(type="message_delta", delta={"stop_reason": stop}, usage={**USAGE, "output_tokens": output_tokens})


def retry(status: int | None) -> Line:
    return {"type": "system", "subtype": "api_retry", "attempt": 1, "error_status": status, "error": "unknown"}


def gives_up(**fields: Any) -> Line:
    return {"type": "assistant", "error": "server_error", "message": {"id": "s", "model": "<synthetic>"}, **fields}


def result(*, is_error: bool = False) -> Line:
    return {"type": "result", "is_error": is_error, "total_cost_usd": 0.0}


def counted(*lines: Line) -> Count:
    count = Count("sonnet", 16_000, PROMPT_BYTES)
    for line in (INIT, *lines):
        count.take(line)
    return count


def price(output_tokens: int = 1, **usage: int) -> Decimal:
    cost = cost_of("sonnet", {**USAGE, "output_tokens": output_tokens, **usage})
    assert cost is not None
    return cost


UNSEEN = 1_000
"""Tokens of a broken answer that may have been on their way."""

IN_VAIN = (Decimal(16_000 + PROMPT_BYTES // 3 + 1) * Decimal("2.5") + UNSEEN * 10) / 1_000_000
"""The CLI's own prompt at most, and ours at three bytes a token, all of it written to the cache."""


def again(fresh_tokens: int = 0) -> Decimal:
    """A request after an answer of 50 tokens that comes to nothing: what that one read and wrote is in the cache."""
    return (5_200 * Decimal("0.1") + (150 + fresh_tokens) * Decimal("2.5") + UNSEEN * 10) / 1_000_000


def test_a_whole_answer_costs_what_its_usage_says_once() -> None:
    whole = {"type": "assistant", "message": {"id": "m1", "model": "claude-sonnet-5-5", "usage": USAGE}}
    count = counted(REQUESTING, begins(), says("hello"), whole, whole, ends(50), result())
    assert count.usd() == price(50)
    assert count.broken == 0


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("cut, and asked again after a pause", [BROKEN, retry(None), begins("m2"), ends(50), result()]),
        ("cut after a whole block, and told to go on", [BROKEN, INTERRUPTED, REQUESTING, begins("m2"), ends(50)]),
        ("no line says so, another begins", [begins("m2"), ends(50), result()]),
    ],
)
def test_an_answer_that_breaks_off_costs_its_input_and_what_had_come(name: str, lines: Sequence[Line]) -> None:
    count = counted(REQUESTING, begins(), says("x" * 200), *lines)
    assert count.usd() == price(100 + UNSEEN) + price(50), name
    assert count.broken == 1


def test_an_answer_that_comes_whole_after_a_broken_one_is_counted_with_it() -> None:
    """The CLI's second try without streaming has no line before its answer."""
    message = {
        "id": "m2",
        "model": "claude-sonnet-5-5",
        "usage": {**USAGE, "output_tokens": 50},
        "stop_reason": "end_turn",
    }
    count = counted(REQUESTING, begins(), says("x" * 200), BROKEN, {"type": "assistant", "message": message}, result())
    assert count.usd() == price(100 + UNSEEN) + price(50)


def test_a_second_try_without_streaming_that_is_interrupted_may_have_been_of_any_length() -> None:
    count = counted(REQUESTING, begins(), BROKEN, INTERRUPTED, result(is_error=True))
    worst = worst_response_usd("sonnet", 16_000)
    assert worst is not None
    usd = count.usd()
    assert usd is not None
    assert price(UNSEEN) + Decimal("0.16") < usd < worst


def test_a_second_try_without_streaming_that_is_lost_is_charged_each_time() -> None:
    """Measured with 2.1.329: it is sent once more without streaming, and only the pause tells it from a break."""
    now = [0.0]
    count = Count("sonnet", 16_000, PROMPT_BYTES, lambda: now[0])
    message = {
        "id": "m2",
        "model": "claude-sonnet-5-5",
        "usage": {**USAGE, "output_tokens": 50},
        "stop_reason": "end_turn",
    }
    for pause_s, line in (
        *((0.0, line) for line in (INIT, REQUESTING, begins(), BROKEN)),
        (1.0, retry(None)),
        (1.5, retry(None)),
        (1.0, {"type": "assistant", "message": message}),
        (0.0, result()),
    ):
        now[0] += pause_s
        count.take(line)
    usd = count.usd()
    assert usd is not None
    assert usd > price(UNSEEN) + price(50) + 2 * Decimal("0.16")
    assert count.broken == 3


def test_an_interrupted_answer_costs_its_input_and_what_had_come_and_nothing_after_it() -> None:
    count = counted(REQUESTING, begins(), says("x" * 200), INTERRUPTED, ends(1, None), BROKEN, result(is_error=True))
    assert count.usd() == price(100 + UNSEEN)


def test_thinking_that_is_not_shown_is_charged_as_it_is_estimated() -> None:
    thinks = {"type": "system", "subtype": "thinking_tokens", "estimated_tokens": 700, "estimated_tokens_delta": 300}
    count = counted(REQUESTING, begins(), thinks, thinks, INTERRUPTED, BROKEN, result(is_error=True))
    assert count.usd() == price(600 + UNSEEN)


def test_a_request_whose_answer_never_began_costs_its_input_at_most() -> None:
    assert counted(REQUESTING).usd() == IN_VAIN
    interrupted = counted(REQUESTING, INTERRUPTED, result(is_error=True)).usd()
    assert interrupted is not None
    assert IN_VAIN <= interrupted < IN_VAIN + Decimal("0.001")
    whole_window = (200_000 * Decimal("2.5") + UNSEEN * 10) / 1_000_000
    count = Count("sonnet", 16_000, 3_000_000)
    count.take(REQUESTING)
    assert count.usd() == whole_window


@pytest.mark.parametrize("status", [429, 500, 529])
def test_what_the_provider_refused_costs_nothing(status: int) -> None:
    refused = gives_up(api_error_status=status)
    assert counted(REQUESTING, retry(status), retry(status), refused, result(is_error=True)).usd() == 0


def test_a_provider_that_was_out_of_reach_has_billed_nothing() -> None:
    """A whole night without a network must not use up the budget."""
    lost = gives_up(api_error="connection_failed")
    count = counted(REQUESTING, retry(None), retry(None), lost, result(is_error=True))
    assert count.usd() == 3 * IN_VAIN, "it may have been reached"
    assert count.charges.reached_nobody()
    count.charges.nobody_was_there()
    assert count.usd() == 0


@pytest.mark.parametrize("heard", [[retry(529)], [begins(), ends(50, "tool_use"), REQUESTING]])
def test_who_has_said_anything_was_there(heard: Sequence[Line]) -> None:
    count = counted(REQUESTING, retry(None), *heard, retry(None), result(is_error=True))
    assert not count.charges.reached_nobody()


def test_a_connection_that_breaks_before_the_answer_costs_the_input() -> None:
    """An answer that begins and breaks off in one breath is not shown by the CLI."""
    lost = gives_up(api_error="connection_failed")
    lines = [REQUESTING, begins(), ends(50, "tool_use"), REQUESTING, retry(None), lost, result(is_error=True)]
    assert counted(*lines).usd() == price(50) + 2 * again()
    assert counted(REQUESTING, retry(None), begins(), ends(50), result()).usd() == IN_VAIN + price(50)


def test_what_comes_to_nothing_is_as_dear_as_the_answers_from_there() -> None:
    lines = [REQUESTING, begins(usage={**USAGE, "inference_geo": "us"}), ends(50, "tool_use"), REQUESTING]
    assert counted(*lines).usd() == (price(50) + again()) * Decimal("1.1")


def test_what_is_asked_again_after_minutes_is_no_longer_in_the_cache() -> None:
    now = [0.0]
    count = Count("sonnet", 16_000, PROMPT_BYTES, lambda: now[0])
    for line in (REQUESTING, begins(), ends(50, "tool_use"), REQUESTING):
        count.take(line)
    assert count.usd() == price(50) + again()
    now[0] = 300.0
    assert count.usd() == price(50) + (5_350 * Decimal("2.5") + UNSEEN * 10) / 1_000_000


def test_what_a_session_writes_to_the_cache_for_an_hour_is_counted_at_the_price_of_an_hour() -> None:
    for kept, tokens in (({"ephemeral_1h_input_tokens": 5}, True), ({"ephemeral_5m_input_tokens": 5}, False)):
        conversation = Conversation(4000)
        conversation.answer_begins({"cache_creation": kept}, 0.0)
        usage = conversation.usage_of_next(200_000, 1, 1e6)
        hour = usage["cache_creation"]["ephemeral_1h_input_tokens"]
        assert hour == (usage["cache_creation_input_tokens"] if tokens else 0) and usage["cache_creation_input_tokens"]


def test_a_request_that_the_cli_never_sent_costs_nothing() -> None:
    blocked = gives_up(error="invalid_request")
    assert counted(
        REQUESTING, begins(), ends(50, "tool_use"), REQUESTING, blocked, result(is_error=True)
    ).usd() == price(50)


def test_what_a_tool_gave_is_in_the_next_request() -> None:
    read = {"type": "user", "message": {"content": [{"type": "tool_result", "content": "x" * 2_000}]}}
    picture = {"type": "image", "source": {"type": "base64", "data": "x" * 1_000_000}}
    seen = {"type": "user", "message": {"content": [{"type": "tool_result", "content": [picture]}]}}
    count = counted(REQUESTING, begins(), ends(50, "tool_use"), read, seen, REQUESTING)
    assert count.usd() == price(50) + again(5_000 + 667)


def test_a_subagents_lines_are_left_to_the_cli() -> None:
    sub = {**begins("m9"), "parent_tool_use_id": "toolu_1"}
    assert counted(REQUESTING, begins(), sub, ends(50), result()).usd() == price(50)


def test_a_model_without_a_price_is_not_counted() -> None:
    assert counted(REQUESTING, begins(model="somebody-elses-1"), ends(50)).usd() is None
    count = Count()
    for line in ({**INIT, "model": "somebody-elses-1"}, REQUESTING):
        count.take(line)
    assert count.usd() is None


def test_a_session_is_beyond_its_cap_before_a_further_request_and_never_in_an_answer() -> None:
    cap = price(100)
    assert not counted(REQUESTING, begins(), says("x" * 200)).is_beyond(cap), "in the middle of an answer"
    assert counted(REQUESTING, begins(), says("x" * 200), BROKEN).is_beyond(cap), "asked again"
    assert counted(REQUESTING, begins(), says("x" * 200), retry(None)).is_beyond(cap), "asked again"
    assert not counted(REQUESTING, begins(), says("x" * 200), BROKEN, result()).is_beyond(cap), "it is over"
    assert not counted(REQUESTING, begins(), ends(200, "tool_use")).is_beyond(cap), "the CLI knows that itself"
    assert counted(REQUESTING, begins(), ends(200, "tool_use"), REQUESTING).is_beyond(cap), "it did not know"
    assert not counted(REQUESTING, begins(), ends(200)).is_beyond(cap), "that was its last word"


@pytest.mark.parametrize(
    "line",
    [
        {"type": "stream_event", "event": None},
        event(type="message_start", message=3),
        event(type="message_delta", delta=[], usage="much"),
        event(type="content_block_delta", delta={"text": 7}),
        {"type": "assistant", "message": None},
        {"type": "user", "message": {"content": [3, None, {"type": "tool_result", "content": {"text": 1}}]}},
        {"type": "system", "subtype": "thinking_tokens", "estimated_tokens_delta": "many"},
    ],
)
def test_a_line_of_any_other_shape_breaks_nothing(line: Line) -> None:
    for lines in ((line,), (REQUESTING, begins(), line)):
        usd = counted(*lines).usd()
        assert usd is None or usd >= 0
