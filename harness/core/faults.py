"""The fault table: from what was seen of a session to what went wrong, who is to blame and what follows.

The first row that matches wins, so the order of the table is part of it: what we did ourselves, then the provider's
structured words, then bare exit codes; text comes last and is only ever the CLI's own synthetic result, never the
user's data or a tool's output. Both CLI generations are covered (`terminal_reason` of an API failure is `completed`
in 2.1.197 and `api_error` in 2.1.329); a shape that no row knows is kept verbatim as `unknown`.
"""

import errno
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from harness.core.symptoms import Symptoms, evidence
from harness.core.types import Blame, Fault, FaultKind

Consequence = Literal["strike", "fail", "whole", "halve", "hold", "wait", "again", "stop", "resume"]
"""What follows: `strike` its items; `fail` those that are named at once, the others go again; `whole` repeats the group
once, then halves; `halve` at once; `hold` starts with backoff; `wait` until the stated reset; `again` without a
strike; `stop` the job; `resume` when the operator says."""

REJECTED: Final = FaultKind("rejected")
MISSING: Final = FaultKind("missing")
REFUSED: Final = FaultKind("refused")
BAD_REQUEST: Final = FaultKind("bad_request")
TOO_LONG: Final = FaultKind("too_long")
OUTPUT_LIMIT: Final = FaultKind("output_limit")
WRONG_MODEL: Final = FaultKind("wrong_model")
UNASKED_MODEL: Final = FaultKind("unasked_model")
TURN_LIMIT: Final = FaultKind("turn_limit")
TIME_LIMIT: Final = FaultKind("time_limit")
SESSION_BUDGET: Final = FaultKind("session_budget")
DENIED: Final = FaultKind("denied")
USAGE_LIMIT: Final = FaultKind("usage_limit")
THROTTLED: Final = FaultKind("throttled")
OVERLOADED: Final = FaultKind("overloaded")
SERVER_ERROR: Final = FaultKind("server_error")
NETWORK: Final = FaultKind("network")
NO_RESPONSE: Final = FaultKind("no_response")
SILENT: Final = FaultKind("silent")
NO_FIRST_EVENT: Final = FaultKind("no_first_event")
CRASHED: Final = FaultKind("crashed")
KILLED: Final = FaultKind("killed")
DISK: Final = FaultKind("disk")
SUSPENDED: Final = FaultKind("suspended")
TOO_BIG: Final = FaultKind("too_big")
SUPERVISOR_LOST: Final = FaultKind("supervisor_lost")
UNKNOWN: Final = FaultKind("unknown")
AUTH: Final = FaultKind("auth")
FORBIDDEN: Final = FaultKind("forbidden")
CREDIT: Final = FaultKind("credit")
UNKNOWN_MODEL: Final = FaultKind("unknown_model")
CLI_MISSING: Final = FaultKind("cli_missing")
UNKNOWN_QUESTION: Final = FaultKind("unknown_question")
BROKEN_CHECK: Final = FaultKind("broken_check")
CHECK_RAISED: Final = FaultKind("check_raised")
NO_INPUT: Final = FaultKind("no_input")
NO_INPUT_FOLDER: Final = FaultKind("no_input_folder")
BROKEN_SCENE: Final = FaultKind("broken_scene")
UNTOLD: Final = FaultKind("untold")
CANCELLED: Final = FaultKind("cancelled")
CUT_OFF: Final = FaultKind("cut_off")

STATUS_OF_A_BROKEN_SCENE: Final = 418
"""An HTTP status that no provider uses: a rehearsal's server answers with it when its scene does not, or it fails."""
STATUS_OF_AN_UNTOLD_ITEM: Final = 417
"""The same, when the request does not say what the session would need to know of an item."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: any of `signs` matches when each of its fields has one of the values (for `text`: finds the pattern)."""

    kind: FaultKind
    blame: Blame
    then: Consequence
    says: str
    signs: tuple[Mapping[str, Any], ...] = ()


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE})
_NO_PROCESS = frozenset({errno.EAGAIN, errno.ENOMEM})
_NO_PROGRAM = frozenset({errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.EPERM, errno.EISDIR, errno.ENOTDIR})
_ENDED_BY_SIGNAL = frozenset(128 + number for number in (signal.SIGHUP, signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU))
_CRASHED_BY_SIGNAL = frozenset(128 + n for n in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL))
_SERVER_ERRORS = frozenset(range(500, 600))

TABLE: Final[tuple[Row, ...]] = (
    # What we or the operator did ourselves.
    Row(SUPERVISOR_LOST, "host", "again", "the supervisor ended while this session ran", ({"lost": {True}},)),
    Row(CUT_OFF, "operator", "resume", "ended at once on request", ({"operator": {"cut"}},)),
    Row(CANCELLED, "operator", "resume", "cancelled on request", ({"operator": {"cancel"}},)),
    Row(
        NO_INPUT_FOLDER,
        "config",
        "stop",
        "the folder of an item's file is not there",
        ({"has_missing_folder": {True}},),
    ),
    Row(
        NO_INPUT,
        "operator",
        "fail",
        "an item's file is not there, or cannot be read",
        ({"has_missing_input": {True}},),
    ),
    Row(DISK, "host", "stop", "this machine had no room or no handles left", ({"errno": _NO_ROOM | _NO_PROCESS},)),
    Row(
        CLI_MISSING,
        "config",
        "stop",
        "the session's program could not be started",
        ({"errno": _NO_PROGRAM}, {"exit_code": {126, 127}, "is_error": {None}, "clock": {None}}),
    ),
    Row(
        UNKNOWN_QUESTION,
        "config",
        "stop",
        "Claude Code asked something at its terminal that this program has no answer for",
        ({"has_question": {True}},),
    ),
    Row(
        TOO_BIG,
        "session",
        "whole",
        "took more of this machine than a session may",
        (
            {"has_excess": {True}},
            {"signal": {signal.SIGXFSZ}},
            {"exit_code": {128 + signal.SIGXFSZ}, "is_error": {None}},
        ),
    ),
    Row(SUSPENDED, "host", "again", "this machine stood still while it ran", ({"suspended": {True}},)),
    # Clocks of ours, charged to what was waited for.
    Row(NO_FIRST_EVENT, "host", "again", "no sign of life after the start", ({"clock": {"first_event"}},)),
    Row(
        SILENT,
        "provider",
        "hold",
        "the model was silent for too long",
        ({"clock": {"silence"}, "waited_for": {"model"}},),
    ),
    Row(SILENT, "host", "again", "the session was silent for too long", ({"clock": {"silence"}},)),
    Row(
        NO_RESPONSE,
        "provider",
        "hold",
        "time ran out while the model was waited for",
        ({"clock": {"timeout"}, "waited_for": {"model"}},),
    ),
    Row(
        NO_FIRST_EVENT,
        "host",
        "again",
        "time ran out before the session had started",
        ({"clock": {"timeout"}, "waited_for": {"init"}},),
    ),
    Row(TIME_LIMIT, "session", "whole", "reached the time limit", ({"clock": {"timeout"}},)),
    # Bounds of the session itself.
    Row(
        TURN_LIMIT,
        "session",
        "whole",
        "reached the turn limit",
        ({"subtype": {"error_max_turns"}}, {"terminal_reason": {"max_turns"}}),
    ),
    Row(
        SESSION_BUDGET,
        "session",
        "whole",
        "reached its own budget",
        ({"subtype": {"error_max_budget_usd"}}, {"terminal_reason": {"budget_exhausted"}}),
    ),
    Row(
        TOO_LONG,
        "session",
        "halve",
        "the prompt is too long",
        ({"terminal_reason": {"prompt_too_long", "blocking_limit", "image_error"}}, {"api_error_status": {413}}),
    ),
    Row(REFUSED, "session", "halve", "the model refused", ({"stop_reason": {"refusal"}},)),
    Row(
        OUTPUT_LIMIT,
        "session",
        "halve",
        "the answer was longer than max_output allows",
        ({"api_error": {"max_output_tokens", "stream_line_too_long"}}, {"assistant_error": {"max_output_tokens"}}),
    ),
    # What a person has to mend.
    Row(
        CREDIT,
        "config",
        "stop",
        "the credit is used up",
        ({"assistant_error": {"billing_error"}}, {"api_error_status": {402}}),
    ),
    Row(FORBIDDEN, "config", "stop", "the credential may not do this", ({"api_error_status": {403}},)),
    Row(
        AUTH,
        "config",
        "stop",
        "the credential was not accepted",
        ({"api_error_status": {401}}, {"assistant_error": {"authentication_failed"}}),
    ),
    Row(
        UNKNOWN_MODEL,
        "config",
        "stop",
        "the model is not known",
        ({"assistant_error": {"model_not_found"}}, {"api_error_status": {404}}),
    ),
    Row(
        BROKEN_SCENE,
        "config",
        "stop",
        "the stand-in of a rehearsal had no answer",
        ({"api_error_status": {STATUS_OF_A_BROKEN_SCENE}},),
    ),
    Row(
        UNTOLD,
        "config",
        "stop",
        "the prompt does not tell a session what it needs",
        ({"api_error_status": {STATUS_OF_AN_UNTOLD_ITEM}},),
    ),
    # The provider.
    Row(
        USAGE_LIMIT,
        "provider",
        "wait",
        "the usage limit is reached",
        (
            {"limit": {"stated"}},
            {"api_error": {"usage_limit_reached"}},
            {"api_error_status": {429}, "text": r"hit your .*limit|usage limit reached|limit reached\b.*\bresets?\b"},
        ),
    ),
    Row(OVERLOADED, "provider", "hold", "the provider is overloaded", ({"api_error_status": {529}},)),
    Row(
        THROTTLED,
        "provider",
        "hold",
        "too many requests",
        ({"limit": {"bare"}}, {"api_error_status": {429}}, {"assistant_error": {"rate_limit"}}),
    ),
    Row(NETWORK, "provider", "hold", "the provider could not be reached", ({"api_error": {"connection_failed"}},)),
    Row(
        NO_RESPONSE,
        "provider",
        "hold",
        "the provider did not answer",
        ({"api_error": {"no_response", "stream_idle_timeout"}}, {"api_error_status": {408, 504}}),
    ),
    Row(
        SERVER_ERROR,
        "provider",
        "hold",
        "the provider failed",
        ({"api_error_status": _SERVER_ERRORS}, {"assistant_error": {"server_error"}}),
    ),
    # Ends of the process without a word.
    Row(
        KILLED,
        "host",
        "again",
        "the process was killed",
        (
            {"signal": {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGXCPU}},
            {"exit_code": _ENDED_BY_SIGNAL, "is_error": {None}},
        ),
    ),
    Row(
        CRASHED,
        "host",
        "again",
        "the process crashed",
        ({"exit_code": _CRASHED_BY_SIGNAL, "is_error": {None}}, {"is_error": {None}}),
    ),
    # Text, last: the CLI's own synthetic result where it gave no field.
    Row(OVERLOADED, "provider", "hold", "the provider is overloaded", ({"text": r"\b529\b|overloaded"},)),
    Row(
        USAGE_LIMIT,
        "provider",
        "wait",
        "the usage limit is reached",
        ({"text": r"^(you've hit your .*limit|.*usage limit reached|[\w -]{1,40} limit reached\b.*\bresets?\b)"},),
    ),
    Row(TOO_LONG, "session", "halve", "the prompt is too long", ({"text": r"prompt is too long"},)),
    Row(CREDIT, "config", "stop", "the credit is used up", ({"text": r"credit balance is too low"},)),
    Row(AUTH, "config", "stop", "the credential was not accepted", ({"text": r"invalid api key|please run /login"},)),
    Row(
        OUTPUT_LIMIT,
        "session",
        "halve",
        "the answer was longer than max_output allows",
        ({"text": r"exceeded the .*output token maximum"},),
    ),
    Row(
        NETWORK,
        "provider",
        "hold",
        "the provider could not be reached",
        ({"text": r"connection (error|lost|refused)|unable to connect|econnre|socket .*closed|request timed out"},),
    ),
    Row(BAD_REQUEST, "session", "halve", "the provider rejected the request", ({"api_error_status": {400}},)),
    # Never classified from a session: made by the judgement of its records.
    Row(REJECTED, "item", "strike", "a record was rejected"),
    Row(MISSING, "item", "strike", "no record came back"),
    Row(BROKEN_CHECK, "config", "stop", "a check itself is broken"),
    Row(CHECK_RAISED, "config", "again", "a check raised, and no record is known yet on which it works"),
    # Made of the models that answered (core.claims).
    Row(WRONG_MODEL, "config", "stop", "from the start another model answered than the one asked for"),
    Row(UNASKED_MODEL, "session", "halve", "a model answered that was neither asked for nor named"),
)

_DENIED: Final = Row(DENIED, "session", "whole", "tools were denied and nothing was written")
_UNKNOWN: Final = Row(UNKNOWN, "host", "again", "ended in a way this program does not know")
ALL_ROWS: Final[tuple[Row, ...]] = (*TABLE, _DENIED, _UNKNOWN)
"""Every kind, for people; classify looks at the last two by other means than signs."""
_EPOCH = re.compile(r"limit reached\|(\d{9,11})\b")
_DETAIL_CHARACTERS = 300


def classify(symptoms: Symptoms) -> Fault | None:
    """What went wrong, or None when the session ended well. Never looks at what the session says it did."""
    if symptoms.operator is None and not symptoms.lost and symptoms.ended_well:
        denied = symptoms.has_denials and not symptoms.produced
        return _fault(_DENIED, symptoms) if denied else None
    for row in TABLE:
        if any(_matches(sign, symptoms) for sign in row.signs):
            return _fault(row, symptoms)
    return _fault(_UNKNOWN, symptoms)


def consequence(kind: FaultKind) -> Consequence:
    """What follows from a fault of this kind; a kind of a newer ledger that is not known here: `again`."""
    return next((row.then for row in (*TABLE, _DENIED, _UNKNOWN) if row.kind == kind), _UNKNOWN.then)


def halves_at_once(kind: FaultKind) -> bool:
    """Repeating the same group would end the same way: refused, too long, output limit."""
    return consequence(kind) == "halve"


def _matches(sign: Mapping[str, Any], symptoms: Symptoms) -> bool:
    return all(_has(symptoms, name, wanted) for name, wanted in sign.items())


def _has(symptoms: Symptoms, name: str, wanted: Any) -> bool:
    if name == "text":
        return re.search(wanted, symptoms.text, re.IGNORECASE) is not None
    return getattr(symptoms, name) in wanted


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
    if row.kind != USAGE_LIMIT:
        return None
    if symptoms.rate_limit and symptoms.rate_limit.resets_at:
        return symptoms.rate_limit.resets_at
    epoch = _EPOCH.search(symptoms.text)
    return datetime.fromtimestamp(int(epoch.group(1)), tz=UTC) if epoch else None
