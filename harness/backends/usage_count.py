"""What a session's requests come to, counted by us from the CLI's stream: also those whose answers broke off.

The CLI's own `total_cost_usd` leaves out some answers that the provider bills: those that were cut, stalled or
interrupted. Here every request that begins is charged until its usage is known: its input as the answer told it, or
an upper estimate where no answer began, and of the output what had come. List prices. The stream carries the begin
of every answer because the CLI is asked for partial messages. Measured with 2.1.329:

    system/status requesting    a request of the main conversation begins (a retry has no such line)
    stream_event message_start  an answer begins; its usage tells the input
    ... message_delta           with a stop_reason: the usage is final
    ... message_stop            with `abandoned_blocks`: the answer broke off; the CLI asks again, streaming or not
    system/api_retry            without error_status when the connection broke: before or within an answer; right
                                after the answer's message_stop, or later when the request that followed it, which
                                is not streamed then, is lost in its turn and sent once more
    assistant                   with an id that no stream_event had: the answer of a request that was not streamed

Requests of subagents and of web tools are not in the stream; what the CLI tells includes them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from harness.backends.charges import Charges
from harness.backends.conversation import mapping, number, size_of
from harness.backends.pending_request import UNSEEN_TOKENS, PendingRequest
from harness.core.work import AttemptSpec

_SYNTHETIC = "<synthetic>"
_BYTES_PER_TOKEN_OUT: Final = 2
"""Against us: prose has about four, other scripts and numbers about three."""

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
        return {**self.usage, "output_tokens": max(came, number(self.usage.get("output_tokens")))}


class Count:
    """The running count of one session."""

    def __init__(
        self,
        model: str = "",
        max_output_tokens: int = 0,
        prompt_bytes: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        hears_begins: bool = True,
    ) -> None:
        """`model` was asked for ("" = what the CLI says), `prompt_bytes` is our part. `hears_begins`: answers are heard
        of as they begin; in a transcript only once they are complete (`backends/transcript.py`)."""
        self.goes_on = True
        """A further request is on its way or will follow."""
        self.charges = Charges()
        self._request = PendingRequest(model, max_output_tokens, prompt_bytes, monotonic, hears_begins=hears_begins)
        self._open: _Answer | None = None
        self._asks_no_more = False
        """The open answer was interrupted, or the CLI has given it up: that it breaks off leads to nothing."""
        self._seen: set[str] = set()

    @classmethod
    def of(cls, spec: AttemptSpec) -> "Count":
        """For the session that it is about to be given to."""
        size = len((spec.rendered.prompt + spec.rendered.instructions).encode(errors="replace"))
        hears_begins = spec.session.kind.speaks == "stream-json"
        return cls(spec.session.model or "", spec.caps.output_tokens, size, hears_begins=hears_begins)

    @property
    def broken(self) -> int:
        """Answers that broke off, and requests that were lost."""
        return self.charges.broken

    def usd(self) -> Decimal | None:
        """All that was charged so far, also for what is under way; None when a model has no price."""
        total = self.charges.total
        if self._open is not None:
            total += self.charges.price(self._open.model, self._open.so_far(UNSEEN_TOKENS))
        elif self._request.is_open:
            total += self._request.cost(self.charges)
        return total if self.charges.is_priced else None

    def is_beyond(self, cap: Decimal) -> bool:
        """A further request must not begin, and the CLI, which leaves broken answers out, does not know it."""
        if not self.goes_on or not self.charges.is_priced or self._open is not None:
            return False
        if not self._request.is_open and self.charges.complete >= cap:
            return False  # the CLI ends it by itself, with everything said
        return self.charges.total >= cap

    def take(self, line: Mapping[str, Any]) -> None:
        """One parsed line of the stream. What belongs to a subagent is left to the CLI."""
        if line.get("parent_tool_use_id"):
            return
        match line.get("type"):
            case "stream_event":
                self._take_event(mapping(line.get("event")), is_abandoned="abandoned_blocks" in line)
            case "system":
                self._take_system(line)
            case "assistant":
                self._take_assistant(line)
            case "user":
                self._take_user(mapping(line.get("message")).get("content"))
            case "result":
                self._take_result(line)

    def _take_event(self, event: Mapping[str, Any], *, is_abandoned: bool) -> None:
        match event.get("type"):
            case "message_start":
                self._break_off()
                message = mapping(event.get("message"))
                self._seen.add(str(message.get("id")))
                self._open = _Answer(str(message.get("model") or self._request.model), mapping(message.get("usage")))
                self._answer_begins(self._open.usage)
                self._request.answer_is_heard()
                self._asks_no_more = False
            case "content_block_start" | "content_block_delta" if self._open:
                self._open.came_bytes += size_of([event.get("content_block")]) + _size_of_delta(event.get("delta"))
            case "message_delta" if self._open:
                usage = {**self._open.usage, **_told(mapping(event.get("usage")))}
                stop = mapping(event.get("delta")).get("stop_reason")
                if stop:
                    self._settle(self._open.model, usage, stop)
                else:
                    self._open.usage = usage
            case "message_stop" if is_abandoned or self._open:
                self._break_off()
                self._request.again(is_streamed=False, is_open=not self._asks_no_more)

    def _take_user(self, content: Any) -> None:
        """Results of tools come also while an answer is under way; any other word then is an interrupt."""
        self._request.next_sends(content)
        blocks = content if isinstance(content, list) else [{}]
        if self._open is not None and not all(mapping(each).get("type") == "tool_result" for each in blocks):
            self._asks_no_more = True

    def _take_system(self, line: Mapping[str, Any]) -> None:
        match line.get("subtype"):
            case "init":
                self._request.model = self._request.model or str(line.get("model") or "")
            case "thinking_tokens" if self._open:
                self._open.thought_tokens += number(line.get("estimated_tokens_delta"))
            case "status" if line.get("status") in ("requesting", "compacting"):
                self._break_off()
                self._request.begin(is_streamed=line.get("status") == "requesting")
                self.goes_on = True
            case "status" if "compact_result" in line:
                self._request.is_open = False  # what a summary costs is told by the CLI
            case "api_retry":
                self.charges.is_heard |= line.get("error_status") is not None
                if self._open is not None:
                    self._break_off()
                elif line.get("error_status") is None and self._request.may_be_lost:
                    self._lose(line.get("elapsed_s"))
                self._request.again(is_streamed=self._request.is_asked_again_streamed)
                self.goes_on = True

    def _take_assistant(self, line: Mapping[str, Any]) -> None:
        message = mapping(line.get("message"))
        if message.get("model") == _SYNTHETIC or line.get("error"):
            self._give_up(line)
            return
        id_, stop = str(message.get("id")), message.get("stop_reason")
        if id_ not in self._seen and (
            self._request.hears_begins or stop is not None
        ):  # not streamed: all of it at once
            self._seen.add(id_)
            usage = mapping(message.get("usage"))
            self._answer_begins(usage)
            self._settle(str(message.get("model") or self._request.model), usage, stop)

    def _give_up(self, line: Mapping[str, Any]) -> None:
        """The CLI speaks itself: it asks no more. What was refused with a status, or never sent, costs nothing."""
        self.charges.is_heard |= line.get("api_error_status") is not None
        if line.get("api_error") in _LOST_ON_THE_WAY and self._request.may_be_lost and self._open is None:
            self._lose()
        self._request.is_open, self._asks_no_more = False, True

    def _take_result(self, line: Mapping[str, Any]) -> None:
        self._break_off()
        if self._request.is_open and line.get("is_error") is not False:
            self._lose()
        self._request.is_open = self.goes_on = False

    def _settle(self, model: str, usage: Mapping[str, Any], stop: object) -> None:
        """An answer is complete."""
        self.charges.answered(self.charges.price(model, usage))
        self._close(usage)
        self.goes_on = stop not in ("end_turn", "stop_sequence")

    def _break_off(self) -> None:
        """The open answer, if there is one, ends here."""
        if self._open is not None:
            usage = self._open.so_far(UNSEEN_TOKENS)
            self.charges.broke_off(self.charges.price(self._open.model, usage))
            self._close(usage)
            self.goes_on = True

    def _lose(self, elapsed_s: object = None) -> None:
        self.charges.lost(self._request.cost(self.charges, elapsed_s))

    def _close(self, usage: Mapping[str, Any]) -> None:
        self._request.answer_ends(usage)
        self._open = None

    def _answer_begins(self, usage: Mapping[str, Any]) -> None:
        self.charges.is_heard = True
        self._request.answer_begins(usage)


def _size_of_delta(delta: Any) -> int:
    return sum(size_of(value) for key, value in mapping(delta).items() if key != "type")


def _told(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What a later usage says; a count that it leaves out, or has as null, stays what it was."""
    return {name: value for name, value in usage.items() if value is not None}
