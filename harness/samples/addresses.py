"""Addresses of sources in records: those that the job's `evidence` finds, and synthetic ones where it finds none."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from harness.core.evidence import same_page
from harness.evaluation.bounded import Bounded
from harness.evaluation.persistent_child import BoundedError
from harness.samples.seed import SYNTHETIC_SITE


def addresses_in(record: Any, programs: Sequence[str], variables: Mapping[str, Any]) -> Iterator[Any]:
    """What each of the jq programs yields of a record; nothing when it fails: the job's own judgement says so then."""
    for program in programs:
        yield from _run(program, record, variables)


def with_addresses(
    record: Any, programs: Sequence[str], variables: Mapping[str, Any], rng_of: Callable[[str], random.Random]
) -> Any:
    """The record with a synthetic address wherever the job wants a source and it names none that could be one."""
    for program in programs:
        if any(not isinstance(url, str) or same_page(url) is None for url in _run(program, record, variables)):
            url = f"{SYNTHETIC_SITE}/source/{rng_of(str(record)).randrange(16**4):04x}"
            filled = f"reduce path({program}) as $p (.; setpath($p; $address))"
            record = next(_run(filled, record, {**variables, "address": url}), record)
    return record


def _run(program: str, value: Any, variables: Mapping[str, Any]) -> Iterator[Any]:
    try:
        yield from _child().jq(program, [value], dict(variables))[0]
    except BoundedError:
        return


@cache
def _child() -> Bounded:
    """One for the life of the process: a question takes it a millisecond."""
    return Bounded()
