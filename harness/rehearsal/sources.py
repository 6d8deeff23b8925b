"""Sources in a rehearsal's records: which pages must be fetched for them, and addresses where none could be made up."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from harness.core.evidence import same_page
from harness.evaluation.bounded import Bounded, BoundedError
from harness.rehearsal.pages import MADE_UP_SITE
from harness.rehearsal.scene import Ask, Records


def sources_of(records: Records, ask: Ask) -> list[str]:
    """The pages that a session has to fetch before it writes these records, each once."""
    if records.fetch is not None:
        return list(records.fetch)
    content = records.records
    is_one = ask.output["shape"] == "one" or not isinstance(content, Mapping)
    values = [content] if isinstance(content, Mapping) and is_one else content
    each = values.values() if isinstance(values, Mapping) else values
    return list(dict.fromkeys(url for value in each for url in _yielded(value, ask) if isinstance(url, str)))


def with_addresses(record: Any, ask: Ask) -> Any:
    """The record with a made-up address wherever the job wants a source and it names none that could be one."""
    for program in _programs(ask):
        if any(not isinstance(url, str) or same_page(url) is None for url in _run(program, record, ask)):
            url = f"{MADE_UP_SITE}/source/{ask.rng_of(str(record)).randrange(16**4):04x}"
            filled = f"reduce path({program}) as $p (.; setpath($p; $address))"
            record = next(_run(filled, record, ask, address=url), record)
    return record


def _yielded(value: Any, ask: Ask) -> Iterator[Any]:
    for program in _programs(ask):
        yield from _run(program, value, ask)


def _programs(ask: Ask) -> Sequence[str]:
    return ask.output.get("evidence") or ()


def _run(program: str, value: Any, ask: Ask, **more: str) -> Iterator[Any]:
    """What it yields; nothing when it fails: the job's own judgement says so then."""
    try:
        yield from _child().jq(program, [value], {**ask.vars, **more})[0]
    except BoundedError:
        return


@cache
def _child() -> Bounded:
    """One for the life of the server: a question takes it a millisecond."""
    return Bounded()
