"""The catalogue: the words of every kind of message, in one place, to be read in one sitting.

`{fact}` is the fact itself; `{fact:money}`, `{fact:number}`, `{fact:time}` and `{fact:percent}` as people read it,
`{fact:list}` its parts, `{fact:message}` a message within it, `{fact:n item}` a count with its noun. A fact that an
older entry lacks is shown as `?`.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any, Final

from harness.base.clock import from_text
from harness.base.commands import NextCommand
from harness.base.reason import Reason
from harness.core.message_kinds import Kind
from harness.core.messages import Message, message_from
from harness.core.money import in_words as money
from harness.views.reason_words import text_of as reason_text
from harness.views.remedies import remedy
from harness.views.wording import counted

Facts = Mapping[str, Any]


def _nothing_accepted(facts: Facts) -> str:
    where = f"phase {facts['phase']}" if facts.get("phase") else "the job"
    head = f"{where} has accepted nothing after {counted(facts['attempts'], 'attempt')}"
    wrong = "its records are synthetic" if facts.get("synthetic") else "its prompt or a check must be wrong"
    found = facts.get("most_often")
    if found is None:
        return f"{head}: {wrong}"
    blame = "" if found["is_fault"] else f": {wrong}"
    often = f"{found['count']} of the last {counted(found['of'], 'session')}: {reason_text(Reason(**found['reason']))}"
    return f"{head}{blame}; {often}; `{NextCommand(**facts['command'])}` shows one of them"


def _setup_broken(facts: Facts) -> str:
    to_do = remedy(facts["fault"], rehearsal=facts.get("rehearsal", False), instance=facts.get("instance"))
    return f"{facts['fault']}: {facts['detail']}{f'; {to_do}' if to_do else ''}"


def _fields_dropped(facts: Facts) -> str:
    names = ", ".join(
        f"{json.dumps(name, ensure_ascii=False)} ({counted(times, 'record')})" for name, times in facts["fields"]
    )
    more = _more(facts.get("more", 0))
    return f"dropped fields that neither `fields` nor a check names: {names}{more}; `extra: keep` keeps them"


def _unauthorized_change(facts: Facts) -> str:
    owner = "the attempt's own " if facts["is_own"] else ""
    return f"{owner}{facts['path']} was {facts['change']} while this session ran"


def _more(number: int) -> str:
    return f" and {number:,} more" if number else ""


WORDS: Final[Mapping[Kind, str | Callable[[Facts], str]]] = {
    "told": "{text}",
    # why a run ended
    "nothing_left": "nothing left to do",
    "rest_not_chosen": "{left:number} left for another run (--first, --only, --batch)",
    "chosen_wait": "{waiting:number} of the chosen items wait for others in their batch; "
    "{left:number} left for another run (--first, --only, --batch)",
    "until_settled": "phase {phase} is settled (--until); {left:number} left for later phases",
    "until_waits": "nothing left to start up to phase {phase} (--until); {left:number} left for another run",
    "budget": "the budget of {budget_microusd:money} cannot pay for another session "
    "({spent_microusd:money} spent, the next one reserves {needed_microusd:money})",
    "cap_sessions": "the cap of {cap:n session} is reached",
    "cap_turns": "the cap of {cap:n turn} has no room for another session "
    "({used:number} used, a session may take {needed:number})",
    "cap_tokens": "the cap of {cap:n token} is reached ({used:number} used)",
    "stopped_by": "stopped by {who}",
    "deadline": "stopped by the deadline, {deadline:time}",
    "start_nothing": "asked to start no sessions",
    "opens_after_deadline": "{because:message}: no session can start before {opens:time}, after the deadline",
    "opens_too_late": "{because:message}: no session can start before {opens:time}; "
    "run the same command then, or set a later deadline",
    "pilot_failed": "the pilot accepted {accepted:number} of {of:number}: fix that first",
    "lock_removed": "the job's lock file was removed during the run, so another supervisor could start",
    "prompt_broken": "{detail}",
    "nothing_selected": "nothing was selected for phase {phase}: {detail}",
    "nothing_accepted": _nothing_accepted,
    "groups_failed": "{groups:n group} in a row ended without usable output",
    "tool_denied": "the same tool was denied in {sessions:n session} in a row: {tool}",
    "host_broken": "this host broke {sessions:n session} in a row: {detail}; "
    "if the host is healthy, launch again: items that keep crashing will then be blamed",
    "setup_broken": _setup_broken,
    "host_error": "{detail}",
    "ledger_damaged": "{detail}",
    # what holds back every start
    "provider_fault": "{fault}",
    "plan_used_up": "the plan is used up, and overage is not allowed",
    "plan_reserve": "{used:percent} of the plan is used; stop_at is {stop_at:percent}",
    "credential_refused": "the credential was refused",
    "probed_elsewhere": "another job is checking whether the limit is over",
    "met_elsewhere": "{hold:message} (met by {job})",
    "outside_window": "outside the window {window}",
    "at_rate": "the rate of {rate} is reached",
    "at_rate_of_plan": "the rate of {rate} in the plan for {phase} is reached",
    "staggered": "sessions start one by one after a provider fault",
    "logged_out": "Claude Code is logged out: run `claude auth login`, and the job continues",
    "token_ends_soon": "Claude Code's login token expires soon and cannot be renewed yet",
    "renewal_failed": "Claude Code could not renew its login: see `claude auth status`",
    "renewing_login": "Claude Code is renewing its login",
    "asking_helper": "waiting for the helper to print a key",
    "helper_not_started": "the helper cannot be started: {error}",
    "helper_timed_out": "the helper took longer than {seconds} s, or its output did not end",
    "helper_failed": "the helper ended with exit code {exit_code}",
    "helper_gave_no_key": "the helper printed no key: expected one line of printable characters",
    # oddities of an attempt
    "byte_order_mark": "{file} starts with a byte order mark",
    "crlf": "{file} has CRLF line endings",
    "markdown_fence": "the JSON in {file} was inside a Markdown code fence",
    "fields_dropped": _fields_dropped,
    "ids_respelled": "{ids:n id} came back in another form ({got:json} for {id:json}); the planned form was kept",
    "equal_records": "dropped {records:n exact duplicate}",
    "records_without_id": "ignored {records:n record} without an id at {path}",
    "ids_invented": "{ids:n id} came back that were not requested; only the first {named:number} are listed",
    "file_invented": "{file} was not requested and is not merged",
    "idle_after_output": "stopped because it was idle after its output was complete",
    "host_suspended": "the host was suspended while the session ran",
    "session_broke_off": "the session's stream broke off: {error}",
    "output_not_kept": "the output could not be stored: {error}",
    "prompt_cut": "the CLI took {sent:number} of the {characters:number} characters of the prompt: "
    "it drops control characters and invisible ones",
    "last_screen": "the session's last screen is in {file}",
    "pipe_held": "a process that the session left behind was not found; it keeps the session's output open",
    "usage_unreadable": "{file} cannot be read: {error}",
    "usage_malformed": '{file} does not contain {{"cost_usd": number}}',
    "usage_impossible": "{file} gives {cost} as the cost, which is not a possible cost",
    "cost_impossible": "the session reported a cost of {told_microusd:money}; "
    "it was charged {most_microusd:money}, the most that a session can cost",
    "input_changed": "the file of item {item:json} has changed since the job was planned",
    "unauthorized_change": _unauthorized_change,
    "settings_ignored": "ignored settings in the work folder: {files:list}",
    "files_disarmed": "renamed so that no program loads them: {files:list}{more:more}",
    "setuid_cleared": "setuid, setgid or sticky bits were cleared: {files:list}{more:more}",
    "files_removed": "removed because they were not safe to keep: {files:list}{more:more}",
    "files_not_disarmed": "could not be made safe, open with care: {files:list}{more:more}",
    "work_folder_removed": "the work folder was removed because it was too large: {excess}",
    "work_folders_reduced": "reduced {folders:n older work folder} to the output",
}

_STOPPED: Final = ("stopped_by", "deadline")
"""Whose words begin with `stopped` themselves."""


def stop_line(message: Message) -> str:
    """`stopped: the budget of $40.00 cannot pay for another session`; `stopped by Ctrl-C`."""
    return text_of(message) if message.kind in _STOPPED else f"stopped: {text_of(message)}"


def text_of(message: Message) -> str:
    """The message as one line of plain English, not yet safe to print: facts may come from a session."""
    words = WORDS.get(message.kind)
    if words is None:  # of a newer version
        return f"{message.kind} {json.dumps(message.facts, ensure_ascii=False)}" if message.facts else message.kind
    return words(message.facts) if callable(words) else _FORMATTER.vformat(words, (), message.facts)


class _Facts(Formatter):
    """Fills in facts; templates are ours, and no fact is ever one."""

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key), "?")

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None or value == "?":
            return "?"
        if format_spec.startswith("n "):
            return counted(value, format_spec.removeprefix("n "))
        return _AS[format_spec](value)


def _time(value: str) -> str:
    return f"{from_text(value).astimezone():%A %Y-%m-%d %H:%M}"


_AS: Final[Mapping[str, Callable[[Any], str]]] = {
    "": str,
    "money": money,
    "number": "{:,}".format,
    "percent": "{:.0%}".format,
    "time": _time,
    "list": ", ".join,
    "more": _more,
    "json": lambda value: json.dumps(value, ensure_ascii=not unicodedata.is_normalized("NFC", str(value))),
    "message": lambda value: text_of(message_from(value)),
}
_FORMATTER: Final = _Facts()
