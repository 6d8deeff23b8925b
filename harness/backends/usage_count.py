"""What a session's requests come to, counted by us from the CLI's stream: also those whose answers broke off.

The CLI's own `total_cost_usd` leaves out some answers that the provider bills: those that were cut, stalled or
interrupted. Here every request that begins is charged until its usage is known: its input as the answer told it, or
an upper estimate where no answer began, and of the output what had come. List prices. The stream carries the begin
of every answer because the CLI is asked for partial messages. Measured with 2.1.329:

    system/status requesting    a request of the main conversation begins (a retry has no such line)
    stream_event message_start  an answer begins; its usage tells the input
    ... message_delta           with a stop_reason: the usage is final
    ... message_stop            with `abandoned_blocks`: the answer broke off; the CLI asks again, streaming or not
    system/api_retry            without error_status when the connection broke: before or within an answer
    assistant                   with an id that no stream_event had: the answer of a request that was not streamed

Requests of subagents and of web tools are not in the stream; what the CLI tells includes them.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from harness.core.prices import context_of, cost_of
from harness.core.work import AttemptSpec

_SYNTHETIC = "<synthetic>"
_OVERHEAD_TOKENS: Final = 16_000
"""Upper bound for the CLI's own prompt and its tools (measured: 2,500 to 10,000)."""

_BYTES_PER_TOKEN_IN: Final = 3
_BYTES_PER_TOKEN_OUT: Final = 2
"""Against us: prose has about four, other scripts and numbers about three."""

_UNSEEN_TOKENS: Final = 1_000
"""Of an answer that breaks off, what was on its way: the CLI shows nothing of what comes together with the break."""

_FASTEST_TOKENS_S: Final = 400
"""Against us: what a model writes in a second at the most, of an answer of which nothing was heard until it broke."""

_CACHE_LIFE_S: Final = 240.0
"""What the last answer read or wrote is in the provider's cache for five minutes at least."""

_PICTURE_TOKENS: Final = 5_000
"""A picture is at most about 4,800 tokens, however many bytes it has."""

_LOST_ON_THE_WAY = ("connection_failed", "no_response", "stream_idle_timeout")
"""Why the CLI gave a request up that may have reached the provider."""


@dataclass(slots=True)
class _Answer:
    """One answer under way. `came_bytes` of text, thinking and tool input; thinking that is not shown is estimated."""

    model: str
    usage: Mapping[str, Any]
    came_bytes: int = 0
    thought_tokens: int = 0

    def so_far(self, unseen_tokens: int = 0) -> dict[str, Any]:
        """The usage as it must be charged if nothing more comes than `unseen_tokens`."""
        came = -(-self.came_bytes // _BYTES_PER_TOKEN_OUT) + self.thought_tokens + unseen_tokens
        return {**self.usage, "output_tokens": max(came, _number(self.usage.get("output_tokens")))}


@dataclass(slots=True)
class Count:
    """The running count of one session. `model` was asked for ("" = what the CLI says), `prompt_bytes` is our part."""

    model: str = ""
    max_output_tokens: int = 0
    prompt_bytes: int = 0
    monotonic: Callable[[], float] = time.monotonic
    hears_begins: bool = True
    """Answers are heard of as they begin; in a transcript only once they are complete (`backends/transcript.py`)."""
    broken: int = field(default=0, init=False)
    """Answers that broke off, and requests that were lost."""
    goes_on: bool = field(default=True, init=False)
    """A further request is on its way or will follow."""
    _settled: Decimal = field(default=Decimal(0), init=False)
    _complete: Decimal = field(default=Decimal(0), init=False)
    _is_priced: bool = field(default=True, init=False)
    _open: _Answer | None = field(default=None, init=False)
    _is_asked: bool = field(default=False, init=False)
    """A request is under way, and no answer to it has begun."""
    _asked_at: float = field(default=0.0, init=False)
    _is_streamed: bool = field(default=True, init=False)
    """That request would be heard of as soon as its answer begins."""
    _asks_no_more: bool = field(default=False, init=False)
    """The open answer was interrupted, or the CLI has given it up: that it breaks off leads to nothing."""
    _is_heard: bool = field(default=False, init=False)
    """The provider has said something."""
    _unreached: Decimal = field(default=Decimal(0), init=False)
    """Charged for requests that were lost before anything at all had come from the provider."""
    _is_kept_for_an_hour: bool = field(default=False, init=False)
    """Its cache entries are; the CLI asks for five minutes with a key of the API."""
    _geo: object = field(default=None, init=False)
    """Where the last answer came from; it has a price."""
    _cached_tokens: int = field(default=0, init=False)
    _cached_at: float = field(default=0.0, init=False)
    _context_tokens: int = field(default=_OVERHEAD_TOKENS, init=False)
    _fresh_bytes: int = field(default=0, init=False)
    _seen: set[str] = field(default_factory=set, init=False)

    @classmethod
    def of(cls, spec: AttemptSpec) -> "Count":
        """For the session that it is about to be given to."""
        size = len((spec.rendered.prompt + spec.rendered.instructions).encode(errors="replace"))
        hears_begins = spec.session.kind.speaks == "stream-json"
        return cls(spec.session.model or "", spec.caps.output_tokens, size, hears_begins=hears_begins)

    def __post_init__(self) -> None:
        self._fresh_bytes = self.prompt_bytes

    def usd(self) -> Decimal | None:
        """All that was charged so far, also for what is under way; None when a model has no price."""
        total = self._settled
        if self._open is not None:
            total += self._price(self._open.model, self._open.so_far(_UNSEEN_TOKENS))
        elif self._is_asked:
            total += self._asked_in_vain()
        return total if self._is_priced else None

    def has_reached_nobody(self) -> bool:
        """Requests were lost, and nothing ever came from the provider, not even a refusal."""
        return self._unreached > 0 and not self._is_heard

    def nobody_was_there(self) -> None:
        """The provider is known to have been out of reach: nothing was billed."""
        self._settled -= self._unreached
        self._unreached = Decimal(0)

    def completed(self) -> Decimal:
        """What the answers that came whole cost."""
        return self._complete

    def is_beyond(self, cap: Decimal) -> bool:
        """A further request must not begin, and the CLI, which leaves broken answers out, does not know it."""
        if not self.goes_on or not self._is_priced or self._open is not None:
            return False
        if not self._is_asked and self._complete >= cap:
            return False  # the CLI ends it by itself, with everything said
        return self._settled >= cap

    def take(self, line: Mapping[str, Any]) -> None:
        """One parsed line of the stream. What belongs to a subagent is left to the CLI."""
        if line.get("parent_tool_use_id"):
            return
        match line.get("type"):
            case "stream_event":
                self._take_event(_mapping(line.get("event")), is_abandoned="abandoned_blocks" in line)
            case "system":
                self._take_system(line)
            case "assistant":
                self._take_assistant(line)
            case "user":
                self._take_user(_mapping(line.get("message")).get("content"))
            case "result":
                self._take_result(line)

    def _take_event(self, event: Mapping[str, Any], *, is_abandoned: bool) -> None:
        match event.get("type"):
            case "message_start":
                self._break_off()
                message = _mapping(event.get("message"))
                self._seen.add(str(message.get("id")))
                self._open = _Answer(str(message.get("model") or self.model), _mapping(message.get("usage")))
                self._remember(self._open.usage)
                self._is_asked, self._is_streamed, self._fresh_bytes = False, True, 0
                self._asks_no_more = False
            case "content_block_start" if self._open:
                self._open.came_bytes += _size([event.get("content_block")])
            case "content_block_delta" if self._open:
                self._open.came_bytes += _size_of_delta(_mapping(event.get("delta")))
            case "message_delta" if self._open:
                usage = {**self._open.usage, **_told(_mapping(event.get("usage")))}
                stop = _mapping(event.get("delta")).get("stop_reason")
                if stop:
                    self._settle(self._open.model, usage, stop)
                else:
                    self._open.usage = usage
            case "message_stop" if is_abandoned or self._open:
                self._break_off()
                self._is_asked, self._is_streamed = not self._asks_no_more, False

    def _take_user(self, content: Any) -> None:
        """Results of tools come also while an answer is under way; any other word then is an interrupt."""
        self._fresh_bytes += _size(content)
        blocks = content if isinstance(content, list) else [{}]
        if self._open is not None and not all(_mapping(each).get("type") == "tool_result" for each in blocks):
            self._asks_no_more = True

    def _take_system(self, line: Mapping[str, Any]) -> None:
        match line.get("subtype"):
            case "init":
                self.model = self.model or str(line.get("model") or "")
            case "thinking_tokens" if self._open:
                self._open.thought_tokens += _number(line.get("estimated_tokens_delta"))
            case "status" if line.get("status") in ("requesting", "compacting"):
                self._break_off()
                is_streamed = self.hears_begins and line.get("status") == "requesting"
                self._is_asked, self._is_streamed, self.goes_on = True, is_streamed, True
                self._asked_at = self.monotonic()
            case "status" if "compact_result" in line:
                self._is_asked = False  # what a summary costs is told by the CLI
            case "api_retry":
                self._is_heard |= line.get("error_status") is not None
                if self._open is not None:
                    self._break_off()
                elif line.get("error_status") is None and self._is_asked and self._may_be_lost:
                    self._lose(line.get("elapsed_s"))
                self._is_asked, self._is_streamed, self.goes_on = True, self.hears_begins, True

    def _take_assistant(self, line: Mapping[str, Any]) -> None:
        message = _mapping(line.get("message"))
        if message.get("model") == _SYNTHETIC or line.get("error"):
            self._give_up(line)
            return
        id_ = str(message.get("id"))
        stop = message.get("stop_reason")
        if id_ not in self._seen and (self.hears_begins or stop is not None):  # not streamed: all of it at once
            self._seen.add(id_)
            self._fresh_bytes = 0
            usage = _mapping(message.get("usage"))
            self._remember(usage)
            self._settle(str(message.get("model") or self.model), usage, stop)

    def _give_up(self, line: Mapping[str, Any]) -> None:
        """The CLI speaks itself: it asks no more. What was refused with a status, or never sent, costs nothing."""
        self._is_heard |= line.get("api_error_status") is not None
        is_lost = line.get("api_error") in _LOST_ON_THE_WAY and self._may_be_lost
        if is_lost and self._is_asked and self._open is None:
            self._lose()
        self._is_asked, self._asks_no_more = False, True

    def _take_result(self, line: Mapping[str, Any]) -> None:
        self._break_off()
        if self._is_asked and line.get("is_error") is not False:
            self._lose()
        self._is_asked = self.goes_on = False

    def _settle(self, model: str, usage: Mapping[str, Any], stop: object) -> None:
        """An answer is complete."""
        cost = self._price(model, usage)
        self._settled += cost
        self._complete += cost
        self._close(usage)
        self.goes_on = stop not in ("end_turn", "stop_sequence")

    def _break_off(self) -> None:
        """The open answer, if there is one, ends here."""
        if self._open is not None:
            usage = self._open.so_far(_UNSEEN_TOKENS)
            self._settled += self._price(self._open.model, usage)
            self.broken += 1
            self._close(usage)
            self.goes_on = True

    @property
    def _may_be_lost(self) -> bool:
        """The request under way would have been heard of, had it been answered."""
        return self._is_streamed or not self.hears_begins

    def _lose(self, elapsed_s: object = None) -> None:
        cost = self._asked_in_vain(elapsed_s)
        self._settled += cost
        self._unreached += 0 if self._is_heard else cost
        self.broken += 1

    def _close(self, usage: Mapping[str, Any]) -> None:
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
        self._context_tokens = sum(_number(usage.get(name)) for name in names)
        self._open, self._is_asked = None, False

    def _remember(self, usage: Mapping[str, Any]) -> None:
        """An answer has begun: the next request finds its prompt in the cache."""
        self._is_heard = True
        self._geo = usage.get("inference_geo")
        names = ("cache_read_input_tokens", "cache_creation_input_tokens")
        written = _mapping(usage.get("cache_creation"))
        self._is_kept_for_an_hour |= _number(written.get("ephemeral_1h_input_tokens")) > 0
        self._cached_tokens, self._cached_at = sum(_number(usage.get(name)) for name in names), self.monotonic()

    def _asked_in_vain(self, elapsed_s: object = None) -> Decimal:
        """An upper estimate for a request to which no answer was seen; one that is not streamed may have been long.

        `elapsed_s`: how long it was under way, where that is told; else since it was heard of.
        """
        fresh = -(-self._fresh_bytes // _BYTES_PER_TOKEN_IN)
        context = min(self._context_tokens + fresh, context_of(self.model))
        is_cached = self.monotonic() - self._cached_at < _CACHE_LIFE_S
        read = min(self._cached_tokens, context) if is_cached else 0
        dearest = {
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": context - read,
            "cache_creation": {"ephemeral_1h_input_tokens": context - read if self._is_kept_for_an_hour else 0},
            "inference_geo": self._geo,
            "output_tokens": _UNSEEN_TOKENS if self._is_streamed else self._longest(elapsed_s),
        }
        return self._price(self.model, dearest)

    def _longest(self, elapsed_s: object) -> int:
        """Tokens of an answer that nothing was heard of."""
        if self.hears_begins:
            return self.max_output_tokens
        told = elapsed_s if isinstance(elapsed_s, float) else self.monotonic() - self._asked_at
        return min(self.max_output_tokens, _UNSEEN_TOKENS + int(max(told, 0) * _FASTEST_TOKENS_S))

    def _price(self, model: str, usage: Mapping[str, Any]) -> Decimal:
        cost = cost_of(model, usage)
        self._is_priced &= cost is not None
        return cost or Decimal(0)


def _size(content: Any) -> int:
    """Bytes of text in a content block or a list of them; a picture counts as what it is charged."""
    if isinstance(content, str):
        return len(content.encode(errors="replace"))
    if isinstance(content, list):
        return sum(map(_size, content))
    if not isinstance(content, dict):
        return 0
    if content.get("type") == "image":
        return _PICTURE_TOKENS * _BYTES_PER_TOKEN_IN
    if isinstance(content.get("input"), dict):
        return len(json.dumps(content["input"]))
    return sum(
        _size(value) for key, value in content.items() if key in ("text", "content", "thinking", "source", "data")
    )


def _size_of_delta(delta: Mapping[str, Any]) -> int:
    return sum(_size(value) for key, value in delta.items() if key != "type")


def _told(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What a later usage says; a count that it leaves out, or has as null, stays what it was."""
    return {name: value for name, value in usage.items() if value is not None}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0
