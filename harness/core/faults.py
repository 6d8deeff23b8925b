"""The fault table: from what was seen of a session to what went wrong, who is to blame and what follows.

The first row that matches wins, so the order of the table is part of it: what we did ourselves, then the provider's
structured words, then bare exit codes; text comes last and is only ever the CLI's own synthetic result, never the
user's data or a tool's output. Both CLI generations are covered (`terminal_reason` of an API failure is `completed`
in 2.1.197 and `api_error` in 2.1.329); a shape that no row knows is kept verbatim as `unknown`.
"""

import errno
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from harness.base.reason import cut_text
from harness.core.fault_kinds import FaultKind as Kind
from harness.core.message_kinds import FindingKind, SignKind
from harness.core.messages import Message
from harness.core.symptoms import Symptoms, evidence
from harness.core.types import Blame, Fault, Json

Consequence = Literal["strike", "fail", "whole", "halve", "hold", "wait", "again", "stop", "resume"]
"""What follows: `strike` its items; `fail` those that are named at once, the others go again; `whole` repeats the group
once, then halves; `halve` at once; `hold` starts with backoff; `wait` until the stated reset; `again` without a
strike; `stop` the job; `resume` when the operator says."""

STATUS_OF_A_BROKEN_SCENE: Final = 418
"""An HTTP status that no provider uses: a rehearsal's server answers with it when its scene does not, or it fails."""
STATUS_OF_AN_UNTOLD_ITEM: Final = 417
"""The same, when the request does not say what the session would need to know of an item."""


When = Callable[[Symptoms], bool]


def _text(pattern: str) -> When:
    """The CLI's own synthetic result has this in it."""
    search = re.compile(pattern, re.IGNORECASE).search
    return lambda symptoms: search(symptoms.text) is not None


def _never(_: Symptoms) -> bool:
    """Not classified from a session."""
    return False


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One row. It is the one when `when` holds and no row above it does."""

    kind: Kind
    blame: Blame
    then: Consequence
    sign: SignKind | FindingKind
    """What views has the words of."""
    when: When = _never


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE})
_NO_PROCESS = frozenset({errno.EAGAIN, errno.ENOMEM})
_NO_PROGRAM = frozenset({errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.EPERM, errno.EISDIR, errno.ENOTDIR})
_KILLING = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGXCPU})
_ENDED_BY_SIGNAL = frozenset(128 + number for number in (signal.SIGHUP, signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU))
_NO_PROMPT = frozenset({"prompt_too_long", "blocking_limit", "image_error"})
_LONG_ANSWER = frozenset({"max_output_tokens", "stream_line_too_long"})
_NO_ANSWER = frozenset({"no_response", "stream_idle_timeout"})
_LIMIT_AT_429 = _text(r"hit your .*limit|usage limit reached|limit reached\b.*\bresets?\b")
_LIMIT_IN_WORDS = _text(r"^(you've hit your .*limit|.*usage limit reached|[\w -]{1,40} limit reached\b.*\bresets?\b)")
_NO_CONNECTION = _text(r"connection (error|lost|refused)|unable to connect|econnre|socket .*closed|request timed out")


def _is_no_program(s: Symptoms) -> bool:
    return s.errno in _NO_PROGRAM or (s.exit_code in (126, 127) and s.is_error is None and s.clock is None)


def _is_too_big(s: Symptoms) -> bool:
    by_shell = s.exit_code == 128 + signal.SIGXFSZ and s.is_error is None
    return bool(s.excess) or s.signal == signal.SIGXFSZ or by_shell


def _is_limit(s: Symptoms) -> bool:
    in_words = s.api_error_status == 429 and _LIMIT_AT_429(s)
    return s.limit == "stated" or s.api_error == "usage_limit_reached" or in_words


def _is_throttle(s: Symptoms) -> bool:
    return s.limit == "bare" or s.api_error_status == 429 or s.assistant_error == "rate_limit"


def _is_server_error(s: Symptoms) -> bool:
    return (s.api_error_status is not None and 500 <= s.api_error_status < 600) or s.assistant_error == "server_error"


def _is_killed(s: Symptoms) -> bool:
    return s.signal in _KILLING or (s.exit_code in _ENDED_BY_SIGNAL and s.is_error is None)


# fmt: off
TABLE: Final[tuple[FaultRule, ...]] = (
    # What we or the operator did ourselves.
    FaultRule(Kind.SUPERVISOR_LOST, "host", "again", "supervisor_lost", lambda s: s.lost),
    FaultRule(Kind.CUT_OFF, "operator", "resume", "cut_off", lambda s: s.operator == "cut"),
    FaultRule(Kind.CANCELLED, "operator", "resume", "cancelled", lambda s: s.operator == "cancel"),
    FaultRule(Kind.NO_INPUT_FOLDER, "config", "stop", "no_input_folder", lambda s: bool(s.missing_folder)),
    FaultRule(Kind.NO_INPUT, "operator", "fail", "no_input", lambda s: bool(s.missing_input)),
    FaultRule(Kind.DISK, "host", "stop", "disk", lambda s: s.errno in _NO_ROOM | _NO_PROCESS),
    FaultRule(Kind.CLI_MISSING, "config", "stop", "cli_missing", _is_no_program),
    FaultRule(Kind.UNKNOWN_QUESTION, "config", "stop", "unknown_question", lambda s: bool(s.question)),
    FaultRule(Kind.TOO_BIG, "session", "whole", "too_big", _is_too_big),
    FaultRule(Kind.SUSPENDED, "host", "again", "suspended", lambda s: s.suspended),
    # Clocks of ours, charged to what was waited for.
    FaultRule(Kind.NO_FIRST_EVENT, "host", "again", "no_first_event", lambda s: s.clock == "first_event"),
    FaultRule(Kind.SILENT, "provider", "hold", "model_silent", lambda s: s.clock == "silence" and s.waited_for == "model"),
    FaultRule(Kind.SILENT, "host", "again", "session_silent", lambda s: s.clock == "silence"),
    FaultRule(Kind.NO_RESPONSE, "provider", "hold", "model_timed_out", lambda s: s.clock == "timeout" and s.waited_for == "model"),
    FaultRule(Kind.NO_FIRST_EVENT, "host", "again", "start_timed_out", lambda s: s.clock == "timeout" and s.waited_for == "init"),
    FaultRule(Kind.TIME_LIMIT, "session", "whole", "time_limit", lambda s: s.clock == "timeout"),
    # Bounds of the session itself.
    FaultRule(Kind.TURN_LIMIT, "session", "whole", "turn_limit", lambda s: s.subtype == "error_max_turns" or s.terminal_reason == "max_turns"),
    FaultRule(Kind.SESSION_BUDGET, "session", "whole", "session_budget", lambda s: s.subtype == "error_max_budget_usd" or s.terminal_reason == "budget_exhausted"),
    FaultRule(Kind.TOO_LONG, "session", "halve", "too_long", lambda s: s.terminal_reason in _NO_PROMPT or s.api_error_status == 413),
    FaultRule(Kind.REFUSED, "session", "halve", "refused", lambda s: s.stop_reason == "refusal"),
    FaultRule(Kind.OUTPUT_LIMIT, "session", "halve", "output_limit", lambda s: s.api_error in _LONG_ANSWER or s.assistant_error == "max_output_tokens"),
    # What a person has to repair.
    FaultRule(Kind.CREDIT, "config", "stop", "credit", lambda s: s.assistant_error == "billing_error" or s.api_error_status == 402),
    FaultRule(Kind.FORBIDDEN, "config", "stop", "forbidden", lambda s: s.api_error_status == 403),
    FaultRule(Kind.AUTH, "config", "stop", "auth", lambda s: s.api_error_status == 401 or s.assistant_error == "authentication_failed"),
    FaultRule(Kind.UNKNOWN_MODEL, "config", "stop", "unknown_model", lambda s: s.assistant_error == "model_not_found" or s.api_error_status == 404),
    FaultRule(Kind.BROKEN_SCENE, "config", "stop", "broken_scene", lambda s: s.api_error_status == STATUS_OF_A_BROKEN_SCENE),
    FaultRule(Kind.UNTOLD, "config", "stop", "untold", lambda s: s.api_error_status == STATUS_OF_AN_UNTOLD_ITEM),
    # The provider.
    FaultRule(Kind.USAGE_LIMIT, "provider", "wait", "usage_limit", _is_limit),
    FaultRule(Kind.OVERLOADED, "provider", "hold", "overloaded", lambda s: s.api_error_status == 529),
    FaultRule(Kind.THROTTLED, "provider", "hold", "throttled", _is_throttle),
    FaultRule(Kind.NETWORK, "provider", "hold", "network", lambda s: s.api_error == "connection_failed"),
    FaultRule(Kind.NO_RESPONSE, "provider", "hold", "no_response", lambda s: s.api_error in _NO_ANSWER or s.api_error_status in (408, 504)),
    FaultRule(Kind.SERVER_ERROR, "provider", "hold", "server_error", _is_server_error),
    # Ends of the process without a result.
    FaultRule(Kind.KILLED, "host", "again", "killed", _is_killed),
    FaultRule(Kind.CRASHED, "host", "again", "crashed", lambda s: s.is_error is None),
    # Text, last: the CLI's own synthetic result where it gave no field.
    FaultRule(Kind.OVERLOADED, "provider", "hold", "overloaded", _text(r"\b529\b|overloaded")),
    FaultRule(Kind.USAGE_LIMIT, "provider", "wait", "usage_limit", _LIMIT_IN_WORDS),
    FaultRule(Kind.TOO_LONG, "session", "halve", "too_long", _text(r"prompt is too long")),
    FaultRule(Kind.CREDIT, "config", "stop", "credit", _text(r"credit balance is too low")),
    FaultRule(Kind.AUTH, "config", "stop", "auth", _text(r"invalid api key|please run /login")),
    FaultRule(Kind.OUTPUT_LIMIT, "session", "halve", "output_limit", _text(r"exceeded the .*output token maximum")),
    FaultRule(Kind.NETWORK, "provider", "hold", "network", _NO_CONNECTION),
    FaultRule(Kind.BAD_REQUEST, "session", "halve", "bad_request", lambda s: s.api_error_status == 400),
    # Never classified from a session: made by the judgement of its records.
    FaultRule(Kind.REJECTED, "item", "strike", "rejected"),
    FaultRule(Kind.MISSING, "item", "strike", "missing"),
    FaultRule(Kind.BROKEN_CHECK, "config", "stop", "check_broken"),
    FaultRule(Kind.CHECK_RAISED, "config", "again", "check_raised"),
    # Made of the models that answered (core.claims).
    FaultRule(Kind.WRONG_MODEL, "config", "stop", "unasked_models"),
    FaultRule(Kind.UNASKED_MODEL, "session", "halve", "unasked_models"),
)
# fmt: on

_DENIED: Final = FaultRule(Kind.DENIED, "session", "whole", "denied")
_UNKNOWN: Final = FaultRule(Kind.UNKNOWN, "host", "again", "unknown")
ALL_ROWS: Final[tuple[FaultRule, ...]] = (*TABLE, _DENIED, _UNKNOWN)
"""Every kind, for people; classify looks at the last two by other means than `when`."""
_EPOCH = re.compile(r"limit reached\|(\d{9,11})\b")
_MOST_CHARACTERS = 300


def classify(symptoms: Symptoms) -> Fault | None:
    """What went wrong, or None when the session ended well. Never looks at what the session says it did."""
    if symptoms.operator is None and not symptoms.lost and symptoms.ended_well:
        return _fault(_DENIED, symptoms) if symptoms.denials and not symptoms.produced else None
    for row in TABLE:
        if row.when(symptoms):
            return _fault(row, symptoms)
    return _fault(_UNKNOWN, symptoms)


def consequence(kind: str) -> Consequence:
    """What follows from a fault of this kind; a kind of a newer ledger that is not known here: `again`."""
    return next((row.then for row in ALL_ROWS if row.kind == kind), _UNKNOWN.then)


def halves_at_once(kind: str) -> bool:
    """Repeating the same group would end the same way: refused, too long, output limit."""
    return consequence(kind) == "halve"


def _fault(row: FaultRule, symptoms: Symptoms) -> Fault:
    why = Message(row.sign, _facts(row, symptoms))
    return Fault(row.kind, row.blame, (why,), _until(row, symptoms), evidence(symptoms))


def _facts(row: FaultRule, symptoms: Symptoms) -> dict[str, Json]:
    """What was seen, as far as it says something to people; texts of others are cut."""
    status, text = symptoms.api_error_status, symptoms.text
    is_ours = status in (STATUS_OF_A_BROKEN_SCENE, STATUS_OF_AN_UNTOLD_ITEM)  # and no error of any API
    ended = symptoms.exit_code if symptoms.is_error is None and not symptoms.signal else None
    facts: dict[str, Json] = {
        "tools": list(symptoms.denials) if row is _DENIED else [],
        "items": list(symptoms.missing_input) if row.kind == Kind.NO_INPUT else [],
        "status": None if is_ours else status,
        "signal": symptoms.signal,
        "exit_code": ended,
        "question": _line(symptoms.question),
        "folder": symptoms.missing_folder,
        "excess": symptoms.excess.as_json() if symptoms.excess is not None else None,
        "text": _line(text.removeprefix(f"API Error: {status} ") if is_ours else text),
        "stderr": _line(symptoms.stderr),
    }
    return {name: value for name, value in facts.items() if value}


def _line(text: str) -> str:
    return cut_text(" ".join(text.split()), _MOST_CHARACTERS)


def _until(row: FaultRule, symptoms: Symptoms) -> datetime | None:
    if row.kind != Kind.USAGE_LIMIT:
        return None
    if symptoms.rate_limit and symptoms.rate_limit.resets_at:
        return symptoms.rate_limit.resets_at
    epoch = _EPOCH.search(symptoms.text)
    return datetime.fromtimestamp(int(epoch.group(1)), tz=UTC) if epoch else None
