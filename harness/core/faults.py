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

from harness.core.fault_kinds import FaultKind as Kind
from harness.core.symptoms import Symptoms, evidence
from harness.core.types import Blame, Fault

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
class Row:
    """One row. It is the one when `when` holds and no row above it does."""

    kind: Kind
    blame: Blame
    then: Consequence
    says: str
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
TABLE: Final[tuple[Row, ...]] = (
    # What we or the operator did ourselves.
    Row(Kind.SUPERVISOR_LOST, "host", "again", "the supervisor ended while this session ran", lambda s: s.lost),
    Row(Kind.CUT_OFF, "operator", "resume", "terminated on request", lambda s: s.operator == "cut"),
    Row(Kind.CANCELLED, "operator", "resume", "canceled on request", lambda s: s.operator == "cancel"),
    Row(Kind.NO_INPUT_FOLDER, "config", "stop", "the folder of an item's file does not exist", lambda s: bool(s.missing_folder)),
    Row(Kind.NO_INPUT, "operator", "fail", "an item's file does not exist or cannot be read", lambda s: bool(s.missing_input)),
    Row(Kind.DISK, "host", "stop", "the host ran out of disk space, handles or processes", lambda s: s.errno in _NO_ROOM | _NO_PROCESS),
    Row(Kind.CLI_MISSING, "config", "stop", "the session's program could not be started", _is_no_program),
    Row(Kind.UNKNOWN_QUESTION, "config", "stop", "Claude Code asked a question at its terminal that Harness cannot answer", lambda s: bool(s.question)),
    Row(Kind.TOO_BIG, "session", "whole", "exceeded the session's resource limits", _is_too_big),
    Row(Kind.SUSPENDED, "host", "again", "the host was suspended while it ran", lambda s: s.suspended),
    # Clocks of ours, charged to what was waited for.
    Row(Kind.NO_FIRST_EVENT, "host", "again", "no event after the start", lambda s: s.clock == "first_event"),
    Row(Kind.SILENT, "provider", "hold", "no event from the model for too long", lambda s: s.clock == "silence" and s.waited_for == "model"),
    Row(Kind.SILENT, "host", "again", "no event from the session for too long", lambda s: s.clock == "silence"),
    Row(Kind.NO_RESPONSE, "provider", "hold", "timed out while waiting for the model", lambda s: s.clock == "timeout" and s.waited_for == "model"),
    Row(Kind.NO_FIRST_EVENT, "host", "again", "timed out before the session started", lambda s: s.clock == "timeout" and s.waited_for == "init"),
    Row(Kind.TIME_LIMIT, "session", "whole", "reached the time limit", lambda s: s.clock == "timeout"),
    # Bounds of the session itself.
    Row(Kind.TURN_LIMIT, "session", "whole", "reached the turn limit", lambda s: s.subtype == "error_max_turns" or s.terminal_reason == "max_turns"),
    Row(Kind.SESSION_BUDGET, "session", "whole", "reached the session's budget", lambda s: s.subtype == "error_max_budget_usd" or s.terminal_reason == "budget_exhausted"),
    Row(Kind.TOO_LONG, "session", "halve", "the prompt is too long", lambda s: s.terminal_reason in _NO_PROMPT or s.api_error_status == 413),
    Row(Kind.REFUSED, "session", "halve", "the model refused", lambda s: s.stop_reason == "refusal"),
    Row(Kind.OUTPUT_LIMIT, "session", "halve", "the response exceeded max_output", lambda s: s.api_error in _LONG_ANSWER or s.assistant_error == "max_output_tokens"),
    # What a person has to repair.
    Row(Kind.CREDIT, "config", "stop", "the account has no credit left", lambda s: s.assistant_error == "billing_error" or s.api_error_status == 402),
    Row(Kind.FORBIDDEN, "config", "stop", "the credential lacks the permission", lambda s: s.api_error_status == 403),
    Row(Kind.AUTH, "config", "stop", "the credential was rejected", lambda s: s.api_error_status == 401 or s.assistant_error == "authentication_failed"),
    Row(Kind.UNKNOWN_MODEL, "config", "stop", "unknown model", lambda s: s.assistant_error == "model_not_found" or s.api_error_status == 404),
    Row(Kind.BROKEN_SCENE, "config", "stop", "the mock API had no response", lambda s: s.api_error_status == STATUS_OF_A_BROKEN_SCENE),
    Row(Kind.UNTOLD, "config", "stop", "the prompt does not contain what a session needs", lambda s: s.api_error_status == STATUS_OF_AN_UNTOLD_ITEM),
    # The provider.
    Row(Kind.USAGE_LIMIT, "provider", "wait", "the usage limit is reached", _is_limit),
    Row(Kind.OVERLOADED, "provider", "hold", "the provider is overloaded", lambda s: s.api_error_status == 529),
    Row(Kind.THROTTLED, "provider", "hold", "too many requests", _is_throttle),
    Row(Kind.NETWORK, "provider", "hold", "the provider could not be reached", lambda s: s.api_error == "connection_failed"),
    Row(Kind.NO_RESPONSE, "provider", "hold", "no response from the provider", lambda s: s.api_error in _NO_ANSWER or s.api_error_status in (408, 504)),
    Row(Kind.SERVER_ERROR, "provider", "hold", "the provider failed", _is_server_error),
    # Ends of the process without a result.
    Row(Kind.KILLED, "host", "again", "the process was killed", _is_killed),
    Row(Kind.CRASHED, "host", "again", "the process crashed", lambda s: s.is_error is None),
    # Text, last: the CLI's own synthetic result where it gave no field.
    Row(Kind.OVERLOADED, "provider", "hold", "the provider is overloaded", _text(r"\b529\b|overloaded")),
    Row(Kind.USAGE_LIMIT, "provider", "wait", "the usage limit is reached", _LIMIT_IN_WORDS),
    Row(Kind.TOO_LONG, "session", "halve", "the prompt is too long", _text(r"prompt is too long")),
    Row(Kind.CREDIT, "config", "stop", "the account has no credit left", _text(r"credit balance is too low")),
    Row(Kind.AUTH, "config", "stop", "the credential was rejected", _text(r"invalid api key|please run /login")),
    Row(Kind.OUTPUT_LIMIT, "session", "halve", "the response exceeded max_output", _text(r"exceeded the .*output token maximum")),
    Row(Kind.NETWORK, "provider", "hold", "the provider could not be reached", _NO_CONNECTION),
    Row(Kind.BAD_REQUEST, "session", "halve", "the provider rejected the request", lambda s: s.api_error_status == 400),
    # Never classified from a session: made by the judgement of its records.
    Row(Kind.REJECTED, "item", "strike", "a record was rejected"),
    Row(Kind.MISSING, "item", "strike", "no record was returned"),
    Row(Kind.BROKEN_CHECK, "config", "stop", "a check is broken"),
    Row(Kind.CHECK_RAISED, "config", "again", "a check raised, and no record has passed it yet"),
    # Made of the models that answered (core.claims).
    Row(Kind.WRONG_MODEL, "config", "stop", "another model than the requested one answered from the start"),
    Row(Kind.UNASKED_MODEL, "session", "halve", "a model answered that was neither requested nor listed in session.fallback"),
)
# fmt: on

_DENIED: Final = Row(Kind.DENIED, "session", "whole", "tools were denied and nothing was written")
_UNKNOWN: Final = Row(Kind.UNKNOWN, "host", "again", "ended for an unknown reason")
ALL_ROWS: Final[tuple[Row, ...]] = (*TABLE, _DENIED, _UNKNOWN)
"""Every kind, for people; classify looks at the last two by other means than `when`."""
_EPOCH = re.compile(r"limit reached\|(\d{9,11})\b")
_DETAIL_CHARACTERS = 300


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


def _fault(row: Row, symptoms: Symptoms) -> Fault:
    return Fault(row.kind, row.blame, _detail(row, symptoms), _until(row, symptoms), evidence(symptoms))


def _detail(row: Row, symptoms: Symptoms) -> str:
    parts = [row.says]
    if symptoms.denials and row is _DENIED:
        parts.append(", ".join(symptoms.denials))
    status, text = symptoms.api_error_status, symptoms.text
    if status in (STATUS_OF_A_BROKEN_SCENE, STATUS_OF_AN_UNTOLD_ITEM):
        text = text.removeprefix(f"API Error: {status} ")  # ours, and no error of any API
    elif status:
        parts.append(f"status {status}")
    if symptoms.signal:
        parts.append(f"signal {symptoms.signal}")
    elif symptoms.exit_code and symptoms.is_error is None:
        parts.append(f"exit code {symptoms.exit_code}")
    last = (symptoms.question, symptoms.missing_folder, symptoms.excess, text, symptoms.stderr)
    parts += [" ".join(said.split()) for said in last if said]
    return ": ".join(parts)[:_DETAIL_CHARACTERS]


def _until(row: Row, symptoms: Symptoms) -> datetime | None:
    if row.kind != Kind.USAGE_LIMIT:
        return None
    if symptoms.rate_limit and symptoms.rate_limit.resets_at:
        return symptoms.rate_limit.resets_at
    epoch = _EPOCH.search(symptoms.text)
    return datetime.fromtimestamp(int(epoch.group(1)), tz=UTC) if epoch else None
