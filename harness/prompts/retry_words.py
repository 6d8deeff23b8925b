"""What the model reads of each kind of reason: what was wrong with an earlier attempt, and what to do about it."""

from typing import Final

from harness.base.fact_format import Words, filled, more, quoted
from harness.base.nouns import plural
from harness.base.reason import Facts, Reason
from harness.job.plan_flaws import flaw_text
from harness.prompts.failure_words import session_words

_NAMES_ITS_FIELD: Final = ("check", "schema", "plan_flaw")
_FETCH: Final = "Cite only pages that you fetched with WebFetch in this session."


def words_of(reason: Reason) -> str:
    """One paragraph. It may quote what a session wrote: not yet safe to print outside of a fence."""
    facts = {**reason.facts, "field": reason.field or "."} if reason.kind in _NAMES_ITS_FIELD else reason.facts
    text = filled(WORDS, reason.kind, facts)
    says = reason.facts.get("says")
    if says and reason.kind not in ("jq_false", "jq_error"):  # there it is the whole sentence
        text = f"{says}: {text}"
    return f"In the record with key {quoted(reason.facts['record'])}: {text}" if "record" in reason.facts else text


def _check(facts: Facts) -> str:
    kind, field = facts.get("type"), facts["field"] if facts["field"] != "." else None
    head = f"{kind} at {field}" if kind and field else kind or field
    return f"{head}: {facts['message']}" if head else str(facts["message"])


def _file_missing(facts: Facts) -> str:
    names = ", ".join(map(quoted, facts.get("found", ()))) + more(facts.get("more", 0))
    there = f" The work folder contained {names}." if names else ""
    return f"The file {quoted(facts['file'])} was not written.{there} Write it at the exact path given under Output."


def _wrong_shape(facts: Facts) -> str:
    expected = {
        "array": "one JSON array of records",
        "object": f"one JSON object that maps the `{facts['key']}` of each record to the record",
        "one object": "one JSON object",
        "one array": "one JSON array that is the record itself",
    }
    wanted = expected.get(facts["shape"], "the JSON that the contract asks for")
    return f"{quoted(facts['file'])} contained a JSON {facts['got']}. Write {wanted}."


def _place(facts: Facts) -> str:
    return "In the record" if facts["field"] == "." else f"At `{facts['field']}`"


def _must_hold(facts: Facts) -> str:
    return f"Requirement not met: {facts.get('says') or 'this jq expression must be true: ' + facts['program']}"


def _source_not_fetched(facts: Facts) -> str:
    found = "found by a search but " if facts["is_found"] else ""
    return f"The source {facts['url']} was {found}never fetched. {_FETCH}"


def _rows_no_list(facts: Facts) -> str:
    found = f", got {facts['got']}" if facts["got"] else ", but nothing is there"
    return f"Expected a list of {plural(facts['noun'])} at `{facts['path']}`{found}."


def _row_unknown(facts: Facts) -> str:
    meant = f" Did you mean {quoted(facts['meant'])}?" if facts["meant"] else ""
    return f"There is no {facts['noun']} {quoted(facts['id'])}. Use only the ids given to you.{meant}"


def _plan_flaw(facts: Facts) -> str:
    """Older versions had a text, `message`."""
    return f"{_place(facts)}: {flaw_text(facts['flaw'], facts) if 'flaw' in facts else facts['message']}"


def _source(how: str, cure: str = _FETCH) -> str:
    return f"The source {{url}} {how}. {cure}"


# fmt: off
WORDS: Final[Words] = {
    "said": "{text}",
    "check": _check,
    "check_silent": "A check rejected it and gave no reason.",
    "check_raised": "A check could not process it: {message}. Follow the required structure exactly.",
    "session_fault": session_words,
    "unasked_model": "It was answered by {models:names}, a model that was not requested.",
    "blocked": "It {state} in phase {phase}.",
    "file_missing": _file_missing,
    "file_outside": "The path {file:q} leads out of the work folder. Write the file inside of it.",
    "file_not_regular": "{file:q} was a {found}. Write a regular file.",
    "file_hard_link": "{file:q} was a hard link (the file had {names} names). Write a new file.",
    "file_behind_link": "A folder on the path {file:q} was a link or not a folder. Create real folders.",
    "file_unreadable": "{file:q} could not be read: {error}.",
    "file_too_large": "{file:q} had {bytes:n} bytes; the limit is {limit:n}. Write a shorter file.",
    "file_growing": "{file:q} passed the limit of {limit:n} bytes while it was written. Write a shorter file.",
    "file_empty": "{file:q} was empty. Write its content.",
    "not_json": "{file:q} was not usable JSON: {problem}. Write exactly one valid JSON value and nothing else.",
    "wrong_shape": _wrong_shape,
    "record_missing": "No record had {id:q} at `{path}`. Return a record for this id.",
    "id_misspelled": "Expected {id:q} at `{path}`, got {got:q}. Copy the id exactly as given.",
    "bad_key": "A record had no string or integer at `{path}`, which is its key. Add it.",
    "duplicate_key": "Two different records had the key {key:q} at `{path}`. Use each key only once.",
    "key_differs": "The record stored under the name {name:q} had {got} at `{path}`. Make the two equal.",
    "key_has_no_place": "In the record stored under the name {name:q}, write that name at `{path}`.",
    "schema": lambda facts: f"{_place(facts)}: {facts['message']}",
    "jq_false": _must_hold,
    "jq_error": lambda facts: f"{_must_hold(facts)} (The check failed: {facts['error']})",
    "source_missing": f"There was no source at `{{place}}`. Give the URL of a page there. {_FETCH}",
    "source_no_address": "The source {url:q} is not a web address. Give the URL of a page. " + _FETCH,
    "source_not_fetched": _source_not_fetched,
    "source_unreachable": _source("could not be fetched"),
    "source_redirects": _source("redirected to another site ({code})", "Fetch that page and cite its URL instead."),
    "source_refused": _source("returned status {code}"),
    "rows_error": "No {noun:plural} could be read from it: {error}",
    "rows_no_list": _rows_no_list,
    "rows_too_many": "One record listed {count:n} {noun:plural}; the limit is {most:n}. List fewer.",
    "row_without_id": "One {noun} had no string or integer at `{path}`, which is its id: {row}",
    "row_id_unusable": "One {noun} had an id that cannot be used: {problem}. Choose another id.",
    "row_repeated": "The {noun} {id:q} was listed more than once. List it once.",
    "row_made_twice": "The id {id:q} at `{path}` is already used by {maker:q}. Choose an id that is unique.",
    "row_unknown": _row_unknown,
    "rows_left_out": "The {noun:plural} {ids:names}{more:more} were left out. Include every one.",
    "row_unplanned": "The {noun} {id:q} is in no batch of the plan. Put it into one.",
    "plan_missing": "There was no batch plan at `{path}`. Put it there.",
    "plan_flaw": _plan_flaw,
    "in_earlier_output": "{name:q} is in an earlier output, {file}.",
    "not_among_top": "It was not among the top {top}: rank {rank} of {of}, score {score}, category {category}.",
    "more": "There were {number:n} more problems like these.",
}
# fmt: on
