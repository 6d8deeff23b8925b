"""Reads the CLI's stream: what a session tells about itself, line by line, as facts, symptoms and signs of life.

Works on the raw lines, which say more than the SDK's types (`api_error`, `terminal_reason`). Every field is taken for
what it is, never for what it should be: an unknown kind of line is skipped, a field of the wrong type is not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from harness.backends.activity import Pulse
from harness.backends.session_account import SessionAccount
from harness.backends.usage_count import Count
from harness.base.ids import AttemptId
from harness.base.texts import whole
from harness.core.models import AskedModels, asked_by
from harness.core.symptoms import RateLimit, Symptoms
from harness.core.types import SessionEvent, SessionFacts
from harness.core.work import AttemptSpec

_SYNTHETIC = "<synthetic>"
_ANY = AskedModels((), is_open=True)
_MOST_ANSWERS = 4096
_MOST_MODELS = 16
_MOST_MODEL = 100
_UUID = 24
"""Characters of a message's id by which the CLI itself compares them."""

_MOST_SAID = 2000
_MOST_TEXT = 500
_MOST_DENIAL = 120
_TELLING_INPUTS = ("file_path", "notebook_path", "path", "command", "url", "query", "pattern")


class StreamReading:
    """Takes the stream's lines, in order; `pulse` is told what they mean for the clocks (None when read afterwards).

    `count` counts what the session's requests come to; None when that need not be known. `asked`: who may answer.
    """

    def __init__(
        self, session_id: str, pulse: Pulse | None = None, count: Count | None = None, asked: AskedModels = _ANY
    ) -> None:
        self._asked = asked
        self._models = _Models()
        self._facts = SessionFacts(session_id=session_id)
        self._symptoms = Symptoms()
        self._pulse = pulse
        self._count = count
        self._account = SessionAccount()
        self._retried: int | None = None

    @classmethod
    def of(cls, spec: AttemptSpec, pulse: Pulse, count: Count) -> "StreamReading":
        return cls(spec.session_id, pulse, count, asked_by(spec.session))

    @property
    def has_result(self) -> bool:
        return self._account.result is not None

    def facts(self) -> SessionFacts:
        tokens = self._account.tokens()
        return replace(
            self._facts,
            model=", ".join(self._models.standing()) or self._facts.model,
            unasked=self._asked.unasked(self._models.seen),
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_read_tokens=tokens.cache_read,
            cache_write_tokens=tokens.cache_write,
            cost_usd=self._account.cost_usd(is_counted=bool(self._count and self._count.usd())),
            counted_usd=self._count.usd() if self._count else None,
            broken_answers=self._count.broken if self._count else 0,
        )

    def symptoms(self) -> Symptoms:
        """What was seen in the stream; the exit of the process is for others to add."""
        seen = self._symptoms
        return seen if self.has_result else replace(seen, api_error_status=seen.api_error_status or self._retried)

    def take(self, line: Mapping[str, Any]) -> None:
        """One parsed line."""
        if self._pulse:
            self._pulse.beat()
        if self._count:
            self._count.take(line)
        match line.get("type"):
            case "system":
                self._take_system(line)
            case "assistant":
                self._take_assistant(line)
            case "user":
                self._take_user(line)
            case "rate_limit_event":
                self._take_limit(line)
            case "result":
                self._take_result(line)

    def _take_system(self, line: Mapping[str, Any]) -> None:
        match line.get("subtype"):
            case "init":
                self._facts = replace(
                    self._facts,
                    session_id=_text(line.get("session_id")) or self._facts.session_id,
                    model=self._facts.model or _text(line.get("model")),
                    cli_version=self._facts.cli_version or _text(line.get("claude_code_version")),
                )
                self._wait_for_model()
                self._tell("started", self._facts.model or "")
            case "api_retry":
                self._retried = _number(line.get("error_status"))
                self._wait_for_model()
                reason = self._retried or _text(line.get("error")) or "no answer"
                self._tell("retrying", f"{reason}, try {_number(line.get('attempt'))}")
            case "model_refusal_fallback":
                self._models.retract(_list(line.get("retracted_message_uuids")))
                self._models.see(_text(line.get("fallback_model")))
            case "model_refusal_no_fallback":
                self._symptoms = replace(self._symptoms, stop_reason="refusal")

    def _take_assistant(self, line: Mapping[str, Any]) -> None:
        message = _mapping(line.get("message"))
        if message.get("model") == _SYNTHETIC or line.get("error"):
            self._symptoms = replace(
                self._symptoms,
                assistant_error=_text(line.get("error")),
                api_error=_text(line.get("api_error")),
                api_error_status=_number(line.get("api_error_status")),
            )
            return
        self._retried = None
        self._take_model(line, message)
        self._account.answered(_text(message.get("id")), _mapping(message.get("usage")))
        if not self._facts.reached_model:
            self._facts = replace(self._facts, reached_model=True)
            self._tell("responded")
        for block in _blocks(message):
            self._take_block(block)

    def _take_model(self, line: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        """Who wrote this answer, and which earlier ones it replaces."""
        model, is_first = _text(message.get("model")), not self._models.seen
        self._models.retract(_list(line.get("supersedes")))
        self._models.see(model)
        id_ = _text(message.get("id")) or ""
        self._models.answer(_text(line.get("uuid")) or id_, id_, model)
        if is_first and model and self._asked.unasked([model]):
            self._facts = replace(self._facts, is_set_up_unasked=True)

    def _take_block(self, block: Mapping[str, Any]) -> None:
        name, text = _text(block.get("name")), _text(block.get("text"))
        if block.get("type") == "tool_use" and name:
            self._symptoms = replace(self._symptoms, used_tools=True)
            if self._pulse:
                self._pulse.tools.add(_text(block.get("id")) or name)
                self._pulse.beat("tool")
            self._tell("tool", _call(name, _mapping(block.get("input"))))
        elif block.get("type") == "text" and text:
            self._facts = replace(self._facts, said=text[:_MOST_SAID])
            self._tell("text", text[:_MOST_TEXT])

    def _take_user(self, line: Mapping[str, Any]) -> None:
        self._models.refuse(_text(line.get("refused_message_id")))
        for block in _blocks(_mapping(line.get("message"))):
            if block.get("type") == "tool_result":
                if self._pulse:
                    self._pulse.tools.discard(_text(block.get("tool_use_id")) or "")
                self._tell("tool_done")
        if self._pulse and not self._pulse.tools:
            self._wait_for_model()

    def _take_limit(self, line: Mapping[str, Any]) -> None:
        told = _mapping(line.get("rate_limit_info"))
        limit = _limit_of(told)
        self._symptoms = replace(self._symptoms, rate_limit=limit)
        if self._pulse and not self._symptoms.used_tools:  # else it may be a tool's word; wait for the next
            self._pulse.tell(_limit_event(self._pulse.attempt, limit, told))

    def _take_result(self, line: Mapping[str, Any]) -> None:
        self._account.result = line
        self._symptoms = _symptoms_of_result(self._symptoms, line)
        text = _text(line.get("result"))
        self._facts = replace(
            self._facts,
            turns=_number(line.get("num_turns")) or self._facts.turns,
            stop_reason=self._symptoms.stop_reason,
            said=text[:_MOST_SAID] if text else self._facts.said,
            denials=self._symptoms.denials,
        )
        if self._pulse:
            self._pulse.result_seen = True
            self._pulse.tools.clear()
            self._pulse.beat("tool")

    def _wait_for_model(self) -> None:
        if self._pulse:
            self._pulse.beat("model")

    def _tell(self, kind: Any, text: str = "") -> None:
        if self._pulse:
            self._pulse.event(kind, text)


class _Models:
    """Which models answered, in order, and which of their answers stand: a refused one is taken back later."""

    def __init__(self) -> None:
        self.seen: dict[str, None] = {}
        """All that answered or were switched to, whatever became of it."""
        self._lasting: dict[str, None] = {}
        self._answers: dict[str, str] = {}
        self._uuids: dict[str, str] = {}
        """Of the last line of each message, by the message's id."""

    def see(self, model: str | None) -> None:
        if model and len(self.seen) < _MOST_MODELS:
            self.seen[model[:_MOST_MODEL]] = None

    def answer(self, uuid: str, id_: str, model: str | None) -> None:
        if not model:
            return
        if len(self._answers) >= _MOST_ANSWERS:
            oldest = next(iter(self._answers))
            self._lasting[self._answers.pop(oldest)] = None
            self._uuids.clear()
        self._uuids[id_] = uuid
        self._answers[uuid[:_UUID]] = model[:_MOST_MODEL]

    def retract(self, uuids: Sequence[Any]) -> None:
        for uuid in uuids:
            if isinstance(uuid, str):
                self._answers.pop(uuid[:_UUID], None)

    def refuse(self, id_: str | None) -> None:
        """The message with this id was refused; the CLI goes on once without it."""
        if id_ is not None and id_ in self._uuids:
            self.retract([self._uuids.pop(id_)])

    def standing(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._lasting, *self._answers.values())))[:_MOST_MODELS]


def _symptoms_of_result(seen: Symptoms, line: Mapping[str, Any]) -> Symptoms:
    """What was seen, with what the line says that a session ends with."""
    is_error = line.get("is_error") is not False
    return replace(
        seen,
        is_error=is_error,
        subtype=_text(line.get("subtype")),
        terminal_reason=_text(line.get("terminal_reason")),
        api_error_status=_number(line.get("api_error_status")) or (seen.api_error_status if is_error else None),
        stop_reason=_text(line.get("stop_reason")) or seen.stop_reason,
        denials=tuple(_denial(_mapping(entry)) for entry in _list(line.get("permission_denials"))),
        text=_synthetic_text(line, _text(line.get("result")))[:_MOST_TEXT] if is_error else "",
    )


def _limit_of(told: Mapping[str, Any]) -> RateLimit:
    return RateLimit(_text(told.get("status")) or "", _moment(told.get("resetsAt")), _text(told.get("rateLimitType")))


def _limit_event(attempt: AttemptId, limit: RateLimit, told: Mapping[str, Any]) -> SessionEvent:
    used, until = _fullest(told)
    is_overage = told.get("isUsingOverage") is True
    is_rejected = limit.status == "rejected" and not is_overage
    text = f"{limit.type or 'limit'}: {limit.status}"
    return SessionEvent(attempt, "limit", text, until or limit.resets_at, used, is_overage, is_rejected)


def _synthetic_text(line: Mapping[str, Any], text: str | None) -> str:
    errors = "; ".join(_text(entry) or "" for entry in _list(line.get("errors")) if isinstance(entry, str))
    return errors or text or ""


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    """`Write(/mnt/work/output.json)`."""
    told = next((_text(arguments.get(key)) for key in _TELLING_INPUTS if _text(arguments.get(key))), None)
    return f"{name}({' '.join(told.split())[:_MOST_DENIAL]})" if told else name


def _denial(entry: Mapping[str, Any]) -> str:
    return _call(_text(entry.get("tool_name")) or "?", _mapping(entry.get("tool_input")))


def _fullest(told: Mapping[str, Any]) -> tuple[float | None, datetime | None]:
    """How full the fullest window is, from 0 to 1, and when it is reset."""
    windows = [_mapping(window) for window in _mapping(told.get("unifiedWindows")).values()]
    known = [
        (float(window["utilization"]), _moment(window.get("resetsAt")))
        for window in (*windows, told)
        if isinstance(window.get("utilization"), int | float)
    ]
    return max(known, key=lambda each: each[0], default=(None, None))


def _moment(value: Any) -> datetime | None:
    """Epoch seconds; None for anything that is no moment between 2001 and 2286."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1e9 <= value < 1e10:
        return None
    return datetime.fromtimestamp(value, tz=UTC)


def _blocks(message: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [_mapping(block) for block in _list(message.get("content"))]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return whole(value) if isinstance(value, str) and value else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None
