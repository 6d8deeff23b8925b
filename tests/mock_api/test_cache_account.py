"""The prompt-cache account, against the provider's rules."""

import base64
import struct
from typing import Any

from harness.rehearsal.cache import Lookup, PromptCache, tokens
from tests.covers import covers

LONG = "x" * 8000
MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def _text(text: str, mark: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": text, **(mark or {})}


def _body(system: list[dict[str, Any]], *blocks: dict[str, Any], model: str = "m") -> dict[str, Any]:
    return {"model": model, "system": system, "messages": [{"role": "user", "content": list(blocks)}]}


def _ask(cache: PromptCache, body: dict[str, Any], now_s: float) -> Lookup:
    lookup = cache.look(body, now_s)
    cache.begin(lookup.breakpoints, now_s)
    return lookup


@covers("F198")
def test_the_second_session_reads_the_prefix_that_the_first_wrote() -> None:
    cache, system = PromptCache(), [_text(LONG, MARK)]
    first, second = _ask(cache, _body(system, _text("a")), 0), _ask(cache, _body(system, _text("b")), 10)
    assert (first.read, second.read) == (0, first.written["5m"])
    assert second.written == {"5m": 0, "1h": 0}
    assert first.prefix_sha == second.prefix_sha


def test_one_other_byte_another_order_or_another_model_finds_nothing() -> None:
    cache = PromptCache()
    _ask(cache, _body([_text("one"), _text(LONG, MARK)]), 0)
    for body in (
        _body([_text("onE"), _text(LONG, MARK)]),
        _body([_text(LONG, MARK), _text("one")]),
        _body([_text("one"), _text(LONG, MARK)], model="other"),
    ):
        assert cache.look(body, 1).read == 0


@covers("A86")
def test_an_entry_dies_after_its_time_and_lives_anew_with_each_use() -> None:
    for mark, life in ((MARK, 300.0), (HOUR, 3600.0)):
        cache, body = PromptCache(), _body([_text(LONG, mark)])
        _ask(cache, body, 0)
        assert _ask(cache, body, life - 1).read > 0
        assert _ask(cache, body, 2 * life - 2).read > 0
        assert cache.look(body, 3 * life).read == 0


def test_an_entry_is_there_only_after_the_response_has_begun() -> None:
    cache, body = PromptCache(), _body([_text(LONG, MARK)])
    first = cache.look(body, 0)
    assert cache.look(body, 0).read == 0
    cache.begin(first.breakpoints, 0)
    assert cache.look(body, 0).read > 0


def test_a_breakpoint_finds_entries_up_to_twenty_blocks_back() -> None:
    cache = PromptCache()
    _ask(cache, _body([_text(LONG, MARK)]), 0)
    for blocks, found in ((20, True), (21, False)):
        grown = _body([_text(LONG)], *[_text(str(n)) for n in range(blocks - 1)], _text("end", MARK))
        lookup = cache.look(grown, 1)
        assert (lookup.read > 0) == found
        assert lookup.read + lookup.written["5m"] == lookup.chars


@covers("F198")
def test_what_is_written_is_paid_by_the_time_it_lives_and_everything_adds_up() -> None:
    cache = PromptCache()
    lookup = cache.look(_body([_text(LONG, HOUR)], _text(LONG, MARK), _text("tail")), 0)
    usage = lookup.usage(7)
    split = usage["cache_creation"]
    assert split["ephemeral_1h_input_tokens"] > 2000 < split["ephemeral_5m_input_tokens"]
    assert sum(split.values()) == usage["cache_creation_input_tokens"]
    assert usage["input_tokens"] + usage["cache_creation_input_tokens"] == tokens(lookup.chars)
    assert usage["output_tokens"] == 7


def test_a_short_prefix_is_not_kept() -> None:
    cache = PromptCache()
    lookup = _ask(cache, _body([_text("short", MARK)]), 0)
    assert sum(lookup.written.values()) == 0
    assert lookup.usage(0)["input_tokens"] == tokens(lookup.chars)


def test_a_picture_that_a_tool_gave_back_is_counted_by_its_pixels_and_its_prefix_by_its_bytes() -> None:
    def look(noise: bytes) -> Lookup:
        png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1400, 1000) + noise
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png).decode()}
        result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": source}]}
        body = {"model": "claude-sonnet-5-5", "messages": [{"role": "user", "content": [result]}]}
        return PromptCache().look({**body, "cache_control": {"type": "ephemeral"}}, 0.0)

    small, large = look(b"x"), look(b"y" * 600_000)
    assert small.chars == large.chars
    assert 1867 < tokens(large.chars) < 1950
    assert small.breakpoints[0][0] != large.breakpoints[0][0], "another picture is another prefix"
