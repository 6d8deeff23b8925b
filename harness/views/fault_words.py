"""What people read of a fault: by what it was known, what was concluded, what a session took too much of."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from harness.base.fact_format import Words, filled
from harness.core.messages import Message, message_from
from harness.evaluation.check_sandbox import OF_A_SANDBOX, cure

Facts = Mapping[str, Any]


def fault_text(why: Iterable[Message]) -> str:
    """One line, not yet safe to print; or the last words of a session that met no fault."""
    return "; ".join(filled(FAULT_WORDS, each.kind, each.facts) for each in why)


def why_text(facts: Facts) -> str:
    """Of facts that have a fault's `why` as JSON; older versions had a text, `detail`."""
    return fault_text(map(message_from, facts["why"])) if "why" in facts else str(facts["detail"])


def _seen(says: str) -> Callable[[Facts], str]:
    """By what a fault was known, and what was seen: only the facts that there are."""

    def words(facts: Facts) -> str:
        parts = [
            says,
            *(", ".join(facts[name]) for name in ("tools", "items") if name in facts),
            *(f"{name} {facts[key]}" for key, name in _NUMBERS.items() if key in facts),
            *(str(facts[name]) for name in ("question", "folder") if name in facts),
            *([fault_text([message_from(facts["excess"])])] if "excess" in facts else []),
            *(str(facts[name]) for name in ("text", "stderr") if name in facts),
        ]
        return ": ".join(parts)

    return words


def _check(says: str) -> Callable[[Facts], str]:
    def words(facts: Facts) -> str:
        denied, is_sandboxed = facts.get("denied"), facts.get("is_sandboxed")
        to_do = f"; {cure(denied)}" if denied else f"; {OF_A_SANDBOX}" if is_sandboxed else ""
        return f"{facts['check']} {says}: {facts['error']}{to_do}"

    return words


_NUMBERS: Final = {"status": "status", "signal": "signal", "exit_code": "exit code"}

FAULT_WORDS: Final[Words] = {
    "told": "{text}",
    # by what a fault of a session was known
    "supervisor_lost": _seen("the supervisor ended while this session ran"),
    "cut_off": _seen("the session was terminated on request"),
    "cancelled": _seen("the session was canceled on request"),
    "no_input_folder": _seen("the folder of an item's file does not exist"),
    "no_input": _seen("an item's file does not exist or cannot be read"),
    "disk": _seen("the host ran out of disk space, handles or processes"),
    "cli_missing": _seen("the session's program could not be started"),
    "unknown_question": _seen("Claude Code asked a question at its terminal that Harness cannot answer"),
    "too_big": _seen("the session exceeded its resource limits"),
    "suspended": _seen("the host was suspended while the session ran"),
    "no_first_event": _seen("the session was started and reported nothing"),
    "model_silent": _seen("the model did not respond for too long"),
    "session_silent": _seen("the session reported nothing for too long"),
    "model_timed_out": _seen("the session timed out while it waited for the model"),
    "start_timed_out": _seen("the session timed out before it was ready"),
    "time_limit": _seen("the session reached its time limit"),
    "turn_limit": _seen("the session reached its turn limit"),
    "session_budget": _seen("the session reached its budget"),
    "too_long": _seen("the prompt is too long"),
    "refused": _seen("the model refused the request"),
    "output_limit": _seen("a response was longer than max_output"),
    "credit": _seen("the account has no credit left"),
    "forbidden": _seen("the credential does not have the permission"),
    "auth": _seen("the credential was rejected"),
    "unknown_model": _seen("the model does not exist, or the credential may not use it"),
    "broken_scene": _seen("the mock API had no response"),
    "untold": _seen("the prompt does not contain what a session needs"),
    "usage_limit": _seen("the usage limit is reached"),
    "overloaded": _seen("the provider is overloaded"),
    "throttled": _seen("the provider received too many requests"),
    "network": _seen("the provider could not be reached"),
    "no_response": _seen("the provider did not respond"),
    "server_error": _seen("the provider had an internal error"),
    "killed": _seen("the process was killed"),
    "crashed": _seen("the process crashed"),
    "bad_request": _seen("the provider rejected the request"),
    "rejected": _seen("a record was rejected"),
    "missing": _seen("no record was returned"),
    "denied": _seen("the session was denied tools and wrote no output"),
    "unknown": _seen("the session ended for an unknown reason"),
    # what was concluded about a fault, or found without a session
    "unasked_models": "answered by {models:names}, which was neither requested nor listed in session.fallback",
    "claimed": "this error came after a tool call, whose output may have imitated it, so other sessions continue",
    "claimed_too_often": "such errors came only after tool calls, again and again, so this session is to blame",
    "crashed_too_often": "this happened too often to be a host problem, so this session is to blame",
    "retried_too_often": "it was retried {times:n} times while others ended normally, so this session is to blame",
    "check_broken": _check("is broken"),
    "check_raised": _check("raised an error, and it has not passed any record yet"),
    "check_barred": _check("raised an error"),
    "raised_in_a_row": "it raised an error in {groups:n} batches in a row, so it counts as broken",
    "rows_broken": "`rows` of phase {phase} is broken: {error}",
    "ids_not_unique": "phase {phase}: {maker:q} and {item:q} both have {id:q} at {path} (items.id), and "
    "{without:n} items have an id that is already taken; set items.id to a path whose values are unique",
    "executor_failed": "the executor failed: {error}",
    # what a session took too much of
    "too_many_processes": "more than {limit:n} processes",
    "too_many_threads": "more than {limit:n} threads",
    "too_much_memory": "{mib:n} MiB of memory, more than {limit_mib:n}",
    "most_memory": "{mib:n} MiB of memory, more than any other session, while the host had only {left_mib:n} MiB left",
    "too_much_written": "more than {limit_mib:n} MiB in files",
    "too_many_files": "more than {limit:n} files",
    "too_deep": "folders nested too deep to be checked",
    "stream_too_long": "more than {limit_mib:n} MiB in its output stream",
    "screen_too_long": "more than {limit_mib:n} MiB on its screen",
    "transcript_too_long": "more than {limit_mib:n} MiB in its transcript, or in one line of it",
    "too_many_control_messages": "more control messages from Claude Code than Harness accepts",
    "reader_ended": "a message in its output stream that Harness could not process",
}
