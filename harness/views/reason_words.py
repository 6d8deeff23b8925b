"""What people read of each kind of reason for rejecting an item: status, why, the report, errors.jsonl, a workbook."""

from collections.abc import Iterable
from typing import Any, Final

from harness.base.fact_format import Words, filled, more, quoted
from harness.base.nouns import plural
from harness.base.reason import Facts, Reason
from harness.core.rejections import type_of
from harness.job.plan_flaws import flaw_text
from harness.views.fault_words import why_text


def text_of(reason: Reason) -> str:
    """One line with the field that it is about, `.coaches[0]: two coaches share a name`; not yet safe to print."""
    if reason.kind == "said":
        return str(reason.facts.get("text", "?"))
    message = message_of(reason)
    if "record" in reason.facts:
        message = f"record {quoted(reason.facts['record'])}: {message}"
    kind = reason.facts.get({"check": "type", "session_fault": "fault"}.get(reason.kind, ""))
    field = reason.field if reason.kind in _NAMES_ITS_FIELD else None
    head = f"{kind} at {field}" if kind and field else kind or field
    return f"{head}: {message}" if head else message


def message_of(reason: Reason) -> str:
    """The same without the field, which stands beside it."""
    if reason.kind == "said":
        return str(reason.facts.get("message", reason.facts.get("text", "?")))
    text, says = filled(WORDS, reason.kind, reason.facts), reason.facts.get("says")
    return f"{says}: {text}" if says and reason.kind not in ("jq_false", "jq_error") else text


def reasons_text(reasons: Iterable[Reason]) -> str:
    """All of them in one line."""
    return "; ".join(map(text_of, reasons))


def as_error(reason: Reason) -> dict[str, Any]:
    """`{type, field, message}`, as errors.jsonl and `--json` have it."""
    return {"type": type_of(reason), "field": reason.field, "message": message_of(reason)}


def _file_missing(facts: Facts) -> str:
    names = ", ".join(map(quoted, facts.get("found", ()))) + more(facts.get("more", 0))
    return f"{facts['file']} is missing" + (f"; the work folder has {names}" if names else "")


def _source_not_fetched(facts: Facts) -> str:
    return f"source {facts['url']} was {'found by a search but ' if facts['is_found'] else ''}never fetched"


def _rows_no_list(facts: Facts) -> str:
    found = f", got {facts['got']}" if facts["got"] else ", but nothing is there"
    return f"expected a list of {plural(facts['noun'])} at {facts['path']}{found}"


def _row_unknown(facts: Facts) -> str:
    meant = f", did you mean {quoted(facts['meant'])}?" if facts["meant"] else ""
    return f"unknown {facts['noun']} {quoted(facts['id'])}{meant}"


def _not_among_top(facts: Facts) -> str:
    score = f"score {facts['score']}" if facts.get("score") is not None else "no score"
    category = f", category {facts['category']}" if facts.get("category") is not None else ""
    return f"not among the top {facts['top']}: rank {facts['rank']} of {facts['of']}, {score}{category}"


def _plan_flaw(facts: Facts) -> str:
    """Older versions had a text, `message`."""
    return flaw_text(facts["flaw"], facts) if "flaw" in facts else str(facts["message"])


_NAMES_ITS_FIELD: Final = ("check", "schema", "plan_flaw")

# fmt: off
WORDS: Final[Words] = {
    "said": "{text}",
    "check": "{message}",
    "check_silent": "a check rejected it and gave no reason",
    "check_raised": "a check raised an error: {message}",
    "session_fault": why_text,
    "unasked_model": "answered by {models:names}, which was neither requested nor allowed",
    "blocked": "{state} in phase {phase}",
    "file_missing": _file_missing,
    "file_outside": "{file} leads out of the work folder",
    "file_not_regular": "expected a regular file, but {file} is a {found}",
    "file_hard_link": "{file} is a hard link (the file has {names} names)",
    "file_behind_link": "a part of the path {file} is a link, or is not a folder",
    "file_unreadable": "{file} cannot be read: {error}",
    "file_too_large": "{file} has {bytes:n} bytes, more than {limit:n} (output.limit)",
    "file_growing": "{file} has more than {limit:n} bytes (output.limit) and is still growing",
    "file_empty": "{file} is empty",
    "not_json": "{file}: {problem}",
    "wrong_shape": "{file} contains a JSON {got}, expected {shape}",
    "record_missing": "no record was returned with {id:q} at {path}",
    "id_misspelled": "no record was returned with {id:q} at {path}; one has {got:q} there",
    "bad_key": "a record has no key: expected a string or an integer at {path}",
    "duplicate_key": "two different records have the key {key:q} at {path}",
    "key_differs": "the record stored under the name {name:q} has {got} at {path}; the two must be equal",
    "key_has_no_place": "the record stored under the name {name:q} lacks that name at {path}, where it cannot be added",
    "schema": "{message}",
    "jq_false": lambda facts: str(facts.get("says") or f"this jq expression must be true: {facts['program']}"),
    "jq_error": lambda facts: f"{facts.get('says') or facts['program']} (jq: {facts['error']})",
    "source_missing": "no source is given at {place}",
    "source_no_address": "source {url:q} is not a web address",
    "source_not_fetched": _source_not_fetched,
    "source_unreachable": "source {url} could not be fetched",
    "source_redirects": "source {url} redirected to another site ({code})",
    "source_refused": "source {url} returned status {code}",
    "rows_error": "no {noun:plural} could be read from the records: jq: {error}",
    "rows_no_list": _rows_no_list,
    "rows_too_many": "one record has {count:n} {noun:plural}, more than {most:n} (items.most of phase {phase})",
    "row_without_id": "a {noun} has no id: expected a string or an integer at {path}, got {row}",
    "row_id_unusable": "a {noun} has an id that cannot be used: {problem}",
    "row_repeated": "the {noun} {id:q} is listed more than once",
    "row_made_twice": "phase {phase}: {maker:q} and {item:q} both have {id:q} at {path}; the id must be unique",
    "row_unknown": _row_unknown,
    "rows_left_out": "{noun:plural} were left out: {ids:names}{more:more}",
    "row_unplanned": "the {noun} {id:q} is in no batch of the plan",
    "plan_missing": "no batch plan was returned at {path}",
    "plan_flaw": _plan_flaw,
    "in_earlier_output": "{name:q} is in an earlier output, {file}",
    "not_among_top": _not_among_top,
    "more": "{number:n} more reasons",
}
# fmt: on
