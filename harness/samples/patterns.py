"""A text that matches a regular expression, for the simple ones that schemas use."""

import random
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

_FILLER: Final = "abcdefghijklmnopqrstuvwxyz0123456789-_ ABCDEFGHIJKLMNOPQRSTUVWXYZ.,:;!?/()+*#@"
_MOST_REPEATS: Final = 3
"""Above what the pattern demands."""


def text_like(pattern: str, rng: random.Random) -> str | None:
    """A text in which `pattern` is found, or None when the pattern is beyond this (look-around, back references)."""
    # re's own parser: not public, but in every Python since 2001, and the one that decides what a pattern means.
    parser: Any = import_module("re._parser")
    try:
        text = _sequence(parser.parse(pattern), rng)
    except (_BeyondError, re.error):
        return None
    return text if re.search(pattern, text) else None


class _BeyondError(Exception):
    """A part of the pattern that cannot be played."""


def _sequence(parts: Sequence[Any], rng: random.Random) -> str:
    return "".join(_part(str(code), argument, rng) for code, argument in parts)


def _part(code: str, argument: Any, rng: random.Random) -> str:
    match code:
        case "LITERAL":
            return chr(argument)
        case "ANY":
            return rng.choice(_FILLER[:26])
        case "AT":
            return ""
        case "IN" | "NOT_LITERAL":
            members = argument if code == "IN" else [("NEGATE", None), ("LITERAL", argument)]
            return _one_of([(str(kind), value) for kind, value in members], rng)
        case "BRANCH":
            return _sequence(rng.choice(argument[1]), rng)
        case "SUBPATTERN":
            return _sequence(argument[3], rng)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = argument
            times = rng.randint(least, min(int(most), max(least, 1) + _MOST_REPEATS))
            return "".join(_sequence(inner, rng) for _ in range(times))
    raise _BeyondError(code)


def _one_of(members: list[tuple[str, Any]], rng: random.Random) -> str:
    negated = members[0][0] == "NEGATE"
    named = [member for member in members if member[0] != "NEGATE"]
    fitting = [character for character in _FILLER if any(_is_in(character, *member) for member in named) != negated]
    if fitting:
        return rng.choice(fitting)
    if not negated and named[0][0] == "LITERAL":
        return chr(named[0][1])
    if not negated and named[0][0] == "RANGE":
        return chr(rng.randint(*named[0][1]))
    raise _BeyondError("a class without an ordinary character")


def _is_in(character: str, kind: str, value: Any) -> bool:
    match kind:
        case "LITERAL":
            return bool(ord(character) == value)
        case "RANGE":
            return bool(value[0] <= ord(character) <= value[1])
        case "CATEGORY":
            name = str(value).removeprefix("CATEGORY_")
            return _is_of(character, name.removeprefix("NOT_")) != name.startswith("NOT_")
    return False


def _is_of(character: str, category: str) -> bool:
    if category == "DIGIT":
        return character.isdigit()
    return character.isspace() if category == "SPACE" else character.isalnum() or character == "_"
