"""What people read of each kind of reason for rejecting an item: status, why, the report, errors.jsonl, a workbook."""

from collections.abc import Iterable
from typing import Any, Final

from harness.base.fact_format import Words, filled, quoted
from harness.base.nouns import plural
from harness.base.reason import Facts, Reason
from harness.core.rejections import type_of


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
    names = ", ".join(map(quoted, facts["found"])) + (f" and {facts['more']:,} more" if facts["more"] else "")
    return f"{facts['file']} is missing" + (f"; the work folder has {names}" if names else "")


def _source_not_fetched(facts: Facts) -> str:
    return f"source {facts['url']} was {'found by a search but ' if facts['is_found'] else ''}never fetched"


def _rows_no_list(facts: Facts) -> str:
    return f"expected a list of {plural(facts['noun'])} at {facts['path']}, got {facts['got'] or 'nothing'}"


def _row_unknown(facts: Facts) -> str:
    meant = f", did you mean {quoted(facts['meant'])}?" if facts["meant"] else ""
    return f"unknown {facts['noun']} {quoted(facts['id'])}{meant}"


_NAMES_ITS_FIELD: Final = ("check", "schema", "plan_flaw")

# fmt: off
WORDS: Final[Words] = {
    "said": "{text}",
    "check": "{message}",
    "check_silent": "rejected by a check that gave no reason",
    "check_raised": "a check raised: {message}",
    "session_fault": "{detail}",
    "unasked_model": "answered by {models:names}, which was neither requested nor allowed",
    "blocked": "{state} in {phase}",
    "file_missing": _file_missing,
    "file_outside": "{file} leads out of the work folder",
    "file_not_regular": "{file} is a {found}, expected a regular file",
    "file_hard_link": "{file} is a hard link (the file has {names} names)",
    "file_behind_link": "a folder on the path {file} is a link or not a folder",
    "file_unreadable": "{file} cannot be read: {error}",
    "file_too_large": "{file} has {bytes:n} bytes, more than {limit:n} (output.limit)",
    "file_growing": "{file} has more than {limit:n} bytes (output.limit) and is still growing",
    "file_empty": "{file} is empty",
    "not_json": "{file}: {problem}",
    "wrong_shape": "{file} contains a JSON {got}, expected {shape}",
    "record_missing": "missing: no record has {id:q} at {path}",
    "id_misspelled": "missing: expected {id:q} at {path}, got {got:q}",
    "bad_key": "a record has no string or integer at {path}, its key",
    "duplicate_key": "two different records have the key {key:q} at {path}",
    "key_differs": "the record under {name:q} has {got} at {path}",
    "key_has_no_place": "the value under {name:q} cannot have its key at {path}",
    "schema": "{message}",
    "jq_false": lambda facts: str(facts.get("says") or f"must be true: {facts['program']}"),
    "jq_error": lambda facts: f"{facts.get('says') or facts['program']} (jq: {facts['error']})",
    "source_missing": "no source at {place}",
    "source_no_address": "source {url:q} is not a web address",
    "source_not_fetched": _source_not_fetched,
    "source_unreachable": "source {url} could not be fetched",
    "source_redirects": "source {url} redirected to another site ({code})",
    "source_refused": "source {url} returned status {code}",
    "rows_error": "no {noun:plural} can be read from it: jq: {error}",
    "rows_no_list": _rows_no_list,
    "rows_too_many": "one record has {count:n} {noun:plural}, more than {most:n} (items.most of phase {phase})",
    "row_without_id": "a {noun} has no string or integer at {path}, its id: {row}",
    "row_id_unusable": "a {noun} has an id that cannot be used: {problem}",
    "row_repeated": "the {noun} {id:q} is listed more than once",
    "row_made_twice": "phase {phase}: {maker:q} and {item:q} both have {id:q} at {path}; the id must be unique",
    "row_unknown": _row_unknown,
    "rows_left_out": "left out: the {noun:plural} {ids:names}{more:more}",
    "row_unplanned": "the {noun} {id:q} is in no batch of the plan",
    "plan_missing": "no batch plan at {path}",
    "plan_flaw": "{message}",
    "more": "{number:n} more reasons",
}
# fmt: on
