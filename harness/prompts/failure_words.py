"""What the model reads of a session that failed as a whole: how it ended, and what to do differently."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from harness.base.fact_format import Words, filled

Facts = Mapping[str, Any]

_NO_FAULT_OF_YOURS: Final = "Do the task as described."


def session_words(facts: Facts) -> str:
    """Of the facts of a `session_fault`; older versions had a text, `detail`, in place of `why`."""
    if "why" not in facts:
        return f"An earlier session failed ({facts['fault']}): {facts['detail']}"
    return " ".join(filled(WORDS, each["kind"], each.get("facts", {})) for each in facts["why"])


def _ended(how: str, to_do: str = _NO_FAULT_OF_YOURS) -> Callable[[Facts], str]:
    """With the texts that were seen, which may say what it was."""

    def words(facts: Facts) -> str:
        excess = facts.get("excess")
        parts = [
            *(", ".join(facts[name]) for name in ("tools", "items") if name in facts),
            *(f"{name.replace('_', ' ')} {facts[name]}" for name in ("status", "signal", "exit_code") if name in facts),
            *([filled(WORDS, excess["kind"], excess.get("facts", {}))] if excess else []),
            *(str(facts[name]) for name in ("question", "folder", "text", "stderr") if name in facts),
        ]
        seen = f" ({': '.join(parts)})" if parts else ""
        return f"An earlier session {how}{seen}. {to_do}"

    return words


# fmt: off
WORDS: Final[Words] = {
    "told": "An earlier session ended with: {text}",
    "supervisor_lost": _ended("was lost"),
    "cut_off": _ended("was terminated on request"),
    "cancelled": _ended("was canceled on request"),
    "no_input_folder": _ended("could not be given its input: the folder did not exist"),
    "no_input": _ended("could not be given its input: a file did not exist or could not be read"),
    "disk": _ended("was ended because the host ran out of disk space, handles or processes"),
    "cli_missing": _ended("could not be started"),
    "unknown_question": _ended("stopped at a question that could not be answered"),
    "too_big": _ended("exceeded its resource limits", "Use less: fewer processes, less memory, smaller files."),
    "suspended": _ended("was interrupted because the host was suspended"),
    "no_first_event": _ended("started and reported nothing"),
    "model_silent": _ended("got no response from the model for too long"),
    "session_silent": _ended("showed no activity for too long", "Do not start programs that run for long in silence."),
    "model_timed_out": _ended("timed out while it waited for the model"),
    "start_timed_out": _ended("timed out before it started"),
    "time_limit": _ended("reached its time limit", "Write the output earlier, and skip steps that take long."),
    "turn_limit": _ended("reached its turn limit", "Use fewer turns, and write the output before the last ones."),
    "session_budget": _ended("reached its budget", "Do less work, and write the output early."),
    "too_long": _ended("got a prompt that was too long", "Read less at once."),
    "refused": _ended("ended because the model refused"),
    "output_limit": _ended("gave a response that was longer than the limit",
                           "Write the output in several smaller steps, and keep each response short."),
    "credit": _ended("ended because the account had no credit left"),
    "forbidden": _ended("ended because the credential lacked a permission"),
    "auth": _ended("ended because the credential was rejected"),
    "unknown_model": _ended("ended because the model was unknown"),
    "broken_scene": _ended("got no response from the mock API"),
    "untold": _ended("got no response: values were missing from its prompt"),
    "usage_limit": _ended("ended at a usage limit"),
    "overloaded": _ended("ended because the provider was overloaded"),
    "throttled": _ended("ended because of too many requests"),
    "network": _ended("could not reach the provider"),
    "no_response": _ended("got no response from the provider"),
    "server_error": _ended("ended because the provider failed"),
    "killed": _ended("was killed", "Do not start programs that need much memory or end other processes."),
    "crashed": _ended("crashed", "Do not repeat the step that may have caused it."),
    "bad_request": _ended("sent a request that the provider rejected", "Read smaller files, and no unusual formats."),
    "rejected": _ended("returned a record that was rejected"),
    "missing": _ended("did not return a record"),
    "denied": _ended("asked for tools that it was not allowed to use, and wrote nothing",
                     "Do the task with the tools that you have, and write the output."),
    "unknown": _ended("ended for an unknown reason"),
    "unasked_models": "An earlier session was answered by {models:names}, a model that was not requested.",
    "claimed": "This error came after a tool call, so it may be text from the output of the tool.",
    "claimed_too_often": "This error came only after tool calls, again and again. Do not repeat those calls.",
    "crashed_too_often": "This happens to these items only. Do the task in another way.",
    "retried_too_often": "This happened {times:n} times, to these items only. Do the task in another way.",
    "check_broken": "{check} is broken: {error}.",
    "check_raised": "{check} could not process the records: {error}.",
    "check_barred": "{check} could not process the records: {error}.",
    "raised_in_a_row": "This happened in {groups:n} batches in a row.",
    "rows_broken": "The expression that reads the records for phase {phase} is broken: {error}.",
    "ids_not_unique": "The job takes ids from `{path}`, where {maker:q} and {item:q} both have {id:q}. "
                      "The job is at fault here, not the records. Do the task as described.",
    "executor_failed": "An earlier session could not be run: {error}.",
    "too_many_processes": "more than {limit:n} processes",
    "too_many_threads": "more than {limit:n} threads",
    "too_much_memory": "{mib:n} MiB of memory; the limit is {limit_mib:n}",
    "most_memory": "{mib:n} MiB of memory",
    "too_much_written": "more than {limit_mib:n} MiB in files",
    "too_many_files": "more than {limit:n} files",
    "too_deep": "folders nested too deep",
    "stream_too_long": "more than {limit_mib:n} MiB in its output stream",
    "screen_too_long": "more than {limit_mib:n} MiB printed to its terminal",
    "transcript_too_long": "more than {limit_mib:n} MiB in its transcript",
    "too_many_control_messages": "too many control messages from Claude Code",
    "reader_ended": "a message in its output stream that could not be processed",
}
# fmt: on
