"""Makes the script of a failing seed smaller, as long as it violates the same law."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from tests.simulation.script import Script
from tests.simulation.trial import Violation, violated

MOST_TRIES = 300


def shrink(
    violation: Violation, again: Callable[[int, Script], Violation | None] = violated, tries: int = MOST_TRIES
) -> Violation:
    """Greedy: the first simpler script that still violates the same law is taken, until none does or tries run out."""
    smallest, is_smaller = violation, True
    while is_smaller and tries > 0:
        is_smaller = False
        for simpler in _simpler(smallest.script):
            tries -= 1
            found = again(smallest.seed, simpler)
            if found is not None and found.law == smallest.law:
                smallest, is_smaller = found, True
                break
            if tries <= 0:
                break
    return smallest


def _simpler(script: Script) -> Iterator[Script]:
    """Each simpler in one field: at its default, halved, or with a part left out; the boldest first."""
    blank = Script()
    for each in fields(Script):
        value, default = getattr(script, each.name), getattr(blank, each.name)
        if value == default or each.name in ("calm_s", "is_fair"):
            continue
        for simpler in _values(value, default):
            yield replace(script, **{each.name: simpler})


def _values(value: Any, default: Any) -> Iterator[Any]:
    yield default
    match value:
        case bool():
            return
        case int() if value > 2:
            yield value // 2
            yield value - 1
        case tuple() if value and isinstance(value[0], tuple):
            yield from (value[:index] + value[index + 1 :] for index in range(len(value)) if len(value) > 1)
        case dict():
            yield from ({key: kept for key, kept in value.items() if key != each} for each in value if len(value) > 1)


def as_regression(violation: Violation) -> str:
    """The entry for tests/simulation/regressions.py."""
    return f"    ({violation.seed}, {violation.script!r}),  # {violation.what}"
