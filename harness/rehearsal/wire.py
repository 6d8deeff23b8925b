"""Turns as the Messages API puts them on the wire: one JSON message, or server-sent events."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from harness.core.prices import cost_of
from harness.rehearsal.cache import Lookup, tokens
from harness.rehearsal.question import SCRIPTED_ID
from harness.rehearsal.scene import StopReason, Text, Tool, Turn
from harness.rehearsal.side_requests import ServerTool, SideResult, SideTurn

_REFUSED: Final = {"type": "refusal", "category": "cyber", "explanation": "a rehearsal: the model refuses"}
"""With a category the CLI goes on with another model by itself, unless it is kept from that."""

_PIECE_CHARS: Final = 2000
"""Of text or tool input in one event."""


Block = Text | Tool | SideResult


@dataclass(frozen=True, slots=True)
class WireMessage:
    """One answer, ready to be sent. `number` is the request's; it makes the ids unique in a conversation."""

    number: int
    model: str
    blocks: tuple[Block, ...]
    stop: StopReason
    usage: Mapping[str, Any]
    cost_usd: Decimal | None
    is_script: bool = False

    @property
    def id(self) -> str:
        return f"msg_rehearsal_{self.number:08d}"

    def as_json(self) -> dict[str, Any]:
        """The body of a non-streaming response."""
        content = [self._block(index, block) for index, block in enumerate(self.blocks)]
        how = {"stop_reason": self.stop, "stop_details": self._details()}
        return {**self._head(), "content": content, **how, "usage": dict(self.usage)}

    def events(self) -> Iterator[bytes]:
        """The server-sent events of a streaming response, in order."""
        start = {**self._head(), "content": [], "stop_reason": None, "usage": {**self.usage, "output_tokens": 1}}
        yield event("message_start", message=start)
        for index, block in enumerate(self.blocks):
            empty: dict[str, Any] = {"text": ""} if isinstance(block, Text) else {"input": {}}
            empty = {} if isinstance(block, SideResult) else empty
            yield event("content_block_start", index=index, content_block={**self._block(index, block), **empty})
            for delta in _deltas(block):
                yield event("content_block_delta", index=index, delta=delta)
            yield event("content_block_stop", index=index)
        end = {"stop_reason": self.stop, "stop_sequence": None, "stop_details": self._details()}
        yield event("message_delta", delta=end, usage=dict(self.usage))
        yield event("message_stop")

    def first_half(self) -> list[bytes]:
        """Its events up to the middle of what it says."""
        events = list(self.events())
        deltas = [index for index, one in enumerate(events) if one.startswith(b"event: content_block_delta")]
        return events[: deltas[len(deltas) // 2]] if deltas else events[:1]

    def broken_off(self, share: float) -> "WireMessage":
        """What is billed of it when no more than this share of its pieces is sent: its input, and what was said."""
        deltas = [delta for block in self.blocks for delta in _deltas(block)]
        pieces = [len(delta.get("text") or delta.get("partial_json") or "") for delta in deltas]
        said = max(1, tokens(sum(pieces[: int(len(pieces) * share)])))
        usage = {**self.usage, "output_tokens": min(said, self.usage["output_tokens"])}
        return replace(self, usage=usage, cost_usd=cost_of(self.model, usage))

    def _details(self) -> dict[str, str] | None:
        return _REFUSED if self.stop == "refusal" else None

    def _head(self) -> dict[str, Any]:
        return {"id": self.id, "type": "message", "role": "assistant", "model": self.model, "stop_sequence": None}

    def _block(self, index: int, block: Block) -> dict[str, Any]:
        if isinstance(block, Text):
            return {"type": "text", "text": block.text}
        if isinstance(block, SideResult):
            own = {"type": "web_search_result", "encrypted_content": "", "page_age": None}
            results = [{**own, "title": title, "url": url} for title, url in block.results]
            return {"type": "web_search_tool_result", "tool_use_id": self._server_id(index - 1), "content": results}
        if isinstance(block, ServerTool):
            id_ = self._server_id(index)
            return {"type": "server_tool_use", "id": id_, "name": block.name, "input": dict(block.input)}
        tool_id = f"{SCRIPTED_ID if self.is_script else 'toolu_rehearsal_'}{self.number:08d}_{index}"
        return {"type": "tool_use", "id": tool_id, "name": block.name, "input": dict(block.input)}

    def _server_id(self, index: int) -> str:
        return f"srvtoolu_rehearsal_{self.number:08d}_{index}"


def message_of(turn: Turn, number: int, model: str, lookup: Lookup, most_tokens: int) -> tuple[WireMessage, str | None]:
    """The message, and a note when the answer had to be cut at the request's `max_tokens`, as the real API does."""
    needed = _output_tokens(turn.blocks)
    note, blocks = None, tuple[Block, ...](turn.blocks)
    if needed > most_tokens:
        note = f"cut at max_tokens {most_tokens}: the answer would need {needed}"
        blocks = _fitting(blocks, most_tokens)
        turn = replace(turn, blocks=(), stop="max_tokens")
        needed = most_tokens
    usage = lookup.usage(needed)
    if isinstance(turn, SideTurn) and turn.searches:
        usage["server_tool_use"] = {"web_search_requests": turn.searches, "web_fetch_requests": 0}
    if turn.cost is not None:
        usage["output_tokens"] = _tokens_for(Decimal(str(turn.cost)), model, usage)
    stop = turn.stop or ("tool_use" if any(type(block) is Tool for block in blocks) else "end_turn")
    return WireMessage(number, model, blocks, stop, usage, cost_of(model, usage)), note


def event(type_: str, **fields: Any) -> bytes:
    body = json.dumps({"type": type_, **fields}, ensure_ascii=False)
    return f"event: {type_}\ndata: {body}\n\n".encode(errors="replace")


def _deltas(block: Block) -> Iterator[dict[str, str]]:
    if isinstance(block, SideResult):
        return
    kind, key = ("text_delta", "text") if isinstance(block, Text) else ("input_json_delta", "partial_json")
    whole = _content(block)
    size = max(1, min(_PIECE_CHARS, -(-len(whole) // 2)))  # at least two, so that there is a middle to break off in
    for start in range(0, len(whole), size):
        yield {"type": kind, key: whole[start : start + size]}


def _content(block: Block) -> str:
    if isinstance(block, SideResult):
        return ""
    return block.text if isinstance(block, Text) else json.dumps(dict(block.input), ensure_ascii=False)


def _output_tokens(blocks: Any) -> int:
    return tokens(sum(len(_content(block)) for block in blocks))


def _fitting(blocks: Any, most_tokens: int) -> tuple[Block, ...]:
    """What fits: a text is cut, a tool call that does not fit is not made."""
    room = most_tokens * 4
    fitting: list[Block] = []
    for block in blocks:
        length = len(_content(block))
        if length > room:
            return (*fitting, Text(block.text[:room])) if isinstance(block, Text) else tuple(fitting)
        fitting.append(block)
        room -= length
    return tuple(fitting)


def _tokens_for(cost: Decimal, model: str, usage: Mapping[str, Any]) -> int:
    """Output tokens that bring the response to `cost` dollars; never fewer than it has."""
    base = cost_of(model, {**usage, "output_tokens": 0})
    million = cost_of(model, {**usage, "output_tokens": 1_000_000})
    if base is None or million is None:
        return int(usage["output_tokens"])
    missing = (cost - base) / (million - base) * 1_000_000
    return max(int(usage["output_tokens"]), int(missing.to_integral_value(rounding="ROUND_CEILING")))
