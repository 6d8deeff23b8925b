"""The catalogue: the words of every kind of message, in one place, to be read in one sitting.

`{fact}` is the fact itself; `{fact:money}`, `{fact:n}`, `{fact:time}` and `{fact:percent}` as people read it,
`{fact:list}` its parts, `{fact:message}` a message within it, `{fact:n item}` a count with its noun. A fact that an
older entry lacks is shown as `?`.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from harness.base.clock import from_text
from harness.base.commands import NextCommand
from harness.base.fact_format import Words, filled, more
from harness.base.nouns import plural
from harness.base.reason import Reason
from harness.core.messages import Message, message_from
from harness.core.money import in_words as money
from harness.views.fault_words import FAULT_WORDS, why_text
from harness.views.reason_words import text_of as reason_text
from harness.views.remedies import remedy
from harness.views.wording import counted

Facts = Mapping[str, Any]


def _finished(facts: Facts) -> str:
    return f"finished, {facts['failed']:,} failed" if facts.get("failed") else "finished"


def _nothing_accepted(facts: Facts) -> str:
    where = f"phase {facts['phase']}" if facts.get("phase") else "the job"
    head = f"{where} has accepted nothing after {_count(facts['attempts'], 'attempt')}"
    wrong = "its records are synthetic" if facts.get("synthetic") else "its prompt or a check must be wrong"
    found = facts.get("most_often")
    if found is None:
        return f"{head}: {wrong}"
    blame = "" if found["is_fault"] else f": {wrong}"
    often = f"{found['count']} of the last {counted(found['of'], 'session')}: {reason_text(Reason(**found['reason']))}"
    shows = f"; `{NextCommand(**facts['command'])}` shows one of them" if "command" in facts else ""
    return f"{head}{blame}; {often}{shows}"


def _setup_broken(facts: Facts) -> str:
    to_do = remedy(facts["fault"], rehearsal=facts.get("rehearsal", False), instance=facts.get("instance"))
    return f"{facts['fault']}: {why_text(facts)}{f'; {to_do}' if to_do else ''}"


def _host_broken(facts: Facts) -> str:
    head = f"{_count(facts['sessions'], 'session')} in a row failed because of this host"
    to_do = "if the host is healthy, launch again: items that keep crashing will then get strikes"
    return f"{head}; the last one: {why_text(facts)}; {to_do}"


def _fields_dropped(facts: Facts) -> str:
    names = ", ".join(
        f"{json.dumps(name, ensure_ascii=False)} ({counted(times, 'record')})"
        for name, times in facts.get("fields", ())
    )
    rest = more(facts.get("more", 0))
    return f"dropped fields that neither `fields` nor a check names: {names or '?'}{rest}; `extra: keep` keeps them"


def _count(number: int | str, noun: str) -> str:
    """An older entry may lack the number."""
    return counted(number, noun) if isinstance(number, int) else f"{number} {plural(noun)}"


def _unauthorized_change(facts: Facts) -> str:
    owner = "the attempt's own " if facts["is_own"] else ""
    return f"{owner}{facts['path']} was {facts['change']} while this session ran"


WORDS: Final[Words] = {
    "told": "{text}",
    # why a run ended
    "nothing_left": "nothing left to do",
    "finished": _finished,
    "rest_not_chosen": "the chosen items are settled; not chosen for this run: {left:n item} "
    "(--first, --only, --batch)",
    "chosen_wait": "{waiting:n chosen item} cannot start unless the rest of the same batch is chosen too; "
    "left for another run: {left:n item} (--first, --only, --batch)",
    "until_settled": "phase {phase} is settled (--until); left for later phases: {left:n item}",
    "until_waits": "no more sessions can start up to phase {phase} (--until); left for another run: {left:n item}",
    "budget": "the budget of {budget_microusd:money} cannot pay for another session "
    "({spent_microusd:money} is spent, the next session reserves {needed_microusd:money})",
    "cap_sessions": "the cap of {cap:n session} is reached",
    "cap_turns": "the cap of {cap:n turn} has no room for another session "
    "({used:n} are used, the next session may take {needed:n})",
    "cap_tokens": "the cap of {cap:n token} is reached ({used:n} are used)",
    "stopped_by": "stopped by {who}",
    "deadline": "stopped by the deadline, {deadline:time}",
    "start_nothing": "this run was asked to start no sessions",
    "opens_after_deadline": "{because:message}: no session can start before {opens:time}, which is after the deadline",
    "opens_too_late": "{because:message}: no session can start before {opens:time}; "
    "run the same command again then, or set a later deadline",
    "pilot_failed": "the pilot accepted only {accepted:n} of {of:n item}; fix the cause before you launch the rest",
    "lock_removed": "the job's lock file was removed during the run, so another supervisor could have started",
    "prompt_broken": "{detail}",
    "nothing_selected": "no items could be selected for phase {phase}: {detail}",
    "nothing_accepted": _nothing_accepted,
    "groups_failed": "{groups:n batch} in a row ended without usable output: the prompt or the setup must be wrong",
    "tool_denied": "{sessions:n session} in a row were denied the same tool: {tool}",
    "host_broken": _host_broken,
    "setup_broken": _setup_broken,
    "host_error": "{detail}",
    "ledger_damaged": "the ledger is damaged: {detail}; restore a backup of the state folder",
    # what holds back every start
    "provider_fault": "provider fault {fault}",
    "plan_used_up": "the plan's usage limit is reached, and overage is not allowed",
    "plan_reserve": "{used:percent} of the plan's limit is used; no session starts above {stop_at:percent} (stop_at)",
    "credential_refused": "the credential was refused",
    "probed_elsewhere": "another job is testing whether the provider accepts requests again",
    "met_elsewhere": "{hold:message}, found by the job {job}",
    "outside_window": "outside the window {window}",
    "at_rate": "the limit of {rate} session starts is reached",
    "at_rate_of_plan": "the limit of {rate} session starts in the plan for phase {phase} is reached",
    "staggered": "after a provider fault, sessions start one at a time",
    "logged_out": "Claude Code is logged out: run `claude auth login`; the job then continues",
    "token_ends_soon": "Claude Code's login token expires soon and could not be renewed yet",
    "renewal_failed": "Claude Code could not renew its login: see `claude auth status`",
    "renewing_login": "Claude Code is renewing its login",
    "asking_helper": "waiting for the credential helper to print a key",
    "helper_not_started": "the credential helper could not be started: {error}",
    "helper_timed_out": "the credential helper did not finish within {seconds} s",
    "helper_failed": "the credential helper failed with exit code {exit_code}",
    "helper_gave_no_key": "the credential helper printed no usable key: expected one line of printable characters",
    # oddities of an attempt
    "byte_order_mark": "{file} starts with a byte order mark",
    "crlf": "{file} has CRLF line endings",
    "markdown_fence": "the JSON in {file} was inside a Markdown code fence",
    "fields_dropped": _fields_dropped,
    "ids_respelled": "{ids:n id} came back spelled differently (for example {got:q} for {id:q}) and were corrected",
    "equal_records": "dropped {records:n record} that were exact duplicates",
    "records_without_id": "ignored {records:n record} without an id at {path}",
    "ids_invented": "{ids:n returned id} were not requested; only the first {named:n} are listed",
    "file_invented": "{file} was not requested and is not merged",
    "idle_after_output": "the session was stopped because its output was complete and it was idle",
    "host_suspended": "the host was suspended while the session ran",
    "session_broke_off": "the session's stream broke off: {error}",
    "output_not_kept": "the output could not be stored: {error}",
    "prompt_cut": "only {sent:n} of the prompt's {characters:n} characters reached the session: "
    "Claude Code removes control characters and invisible ones",
    "last_screen": "the session's last screen is in {file}",
    "pipe_held": "something still holds the session's output open: a process that Harness could not find",
    "usage_unreadable": "{file} cannot be read: {error}",
    "usage_malformed": '{file} does not contain {{"cost_usd": number}}',
    "usage_impossible": "{file} gives {cost} as the cost, which is not a possible cost",
    "cost_impossible": "the session reported a cost of {told_microusd:money}; "
    "it was charged {most_microusd:money}, the most that a session can cost",
    "input_changed": "the file of item {item:q} has changed since the job was planned",
    "unauthorized_change": _unauthorized_change,
    "settings_ignored": "files in the work folder that Claude Code would read as settings were ignored: {files:list}",
    "files_disarmed": "files were renamed so that no program loads them: {files:list}{more:more}",
    "setuid_cleared": "setuid, setgid or sticky bits were cleared: {files:list}{more:more}",
    "files_removed": "files were removed because they were not safe to keep: {files:list}{more:more}",
    "files_not_disarmed": "files could not be made safe; open them with care: {files:list}{more:more}",
    "work_folder_removed": "the work folder was removed because it was too large: {excess:message}",
    "work_folders_reduced": "everything but the output was deleted from {folders:n older work folder}",
    **FAULT_WORDS,
}

_STOPPED: Final = ("stopped_by", "deadline")
"""Whose words begin with `stopped` themselves."""


def stop_line(message: Message) -> str:
    """`stopped: the budget of $40.00 cannot pay for another session`; `stopped by Ctrl-C`."""
    return text_of(message) if message.kind in _STOPPED else f"stopped: {text_of(message)}"


def text_of(message: Message) -> str:
    """The message as one line of plain English, not yet safe to print: facts may come from a session."""
    return filled(WORDS, message.kind, message.facts, _formatted)


def _formatted(value: Any, spec: str) -> str:
    return counted(value, spec.removeprefix("n ")) if spec.startswith("n ") else _AS[spec](value)


def _time(value: str) -> str:
    return f"{from_text(value).astimezone():%A %Y-%m-%d %H:%M}"


def _message(value: Any) -> str:
    return text_of(message_from(value))


_AS: Final[Mapping[str, Callable[[Any], str]]] = {
    "money": money,
    "percent": "{:.0%}".format,
    "time": _time,
    "list": ", ".join,
    "message": _message,
}
