"""JSON Schema for the bounded child, which loads this file alone: validation by the rules of the standard.

Patterns are regular expressions of ECMA-262, as JSON Schema says: `$` is the end and no line end before it, and
`\\d`, `\\w`, `\\b` know ASCII only. They are translated into Python's when the schema is compiled.
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

_MOST_MESSAGES = 20
_MOST_CHARACTERS = 500
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NAMED = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
"""Keywords whose members are named by the user, with schemas as their values."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
"""Not every day of ISO 8601: 2026-W01-1 is one, too."""
_NO_SCHEMAS = {"enum", "const", "default", "examples"}


SchemaComplaint = tuple[str, str, str]
"""Where the error stands, `$.coaches[0]`; the field that it is about, `.coaches[0].name`; and what is wrong."""


def complaints(schema: Any, texts: Sequence[str]) -> list[list[SchemaComplaint]]:
    """For each record, a JSON text, what is wrong with it, by path."""
    text = json.dumps(schema)
    validator = _validator(text)
    return [_judged(validator, record, _originals(text)) for record in texts]


def _judged(validator: Any, record: str, originals: dict[str, str]) -> list[SchemaComplaint]:
    """What a record does to the validator is a fault of this record, not of the check."""
    try:
        return _complaints(validator, json.loads(record), originals)
    except ArithmeticError:
        return [("$", ".", "holds a number that is too large to be checked")]
    except RecursionError:
        return [("$", ".", "is nested too deep to be checked")]


def _complaints(validator: Any, record: Any, originals: dict[str, str]) -> list[SchemaComplaint]:
    found: list[SchemaComplaint] = []
    absent: dict[tuple[Any, ...], Iterator[str]] = {}
    for error in validator.iter_errors(record):
        message = error.message
        if error.validator == "pattern":
            message = f"{error.instance!r} does not match {originals.get(error.validator_value)!r}"
        steps = list(error.absolute_path)
        if error.validator == "required" and isinstance(error.validator_value, list):  # an error for each, in order
            names = iter([name for name in error.validator_value if name not in error.instance])
            steps.append(next(absent.setdefault((*steps, None, *error.absolute_schema_path), names)))
        field = _field(steps)
        found.append((error.json_path, field, _shortened(message, repr(error.instance))))
        if len(found) == _MOST_MESSAGES:
            break
    return sorted(found, key=lambda complaint: complaint[0])


def _field(steps: Sequence[str | int]) -> str:
    """`.coaches[0].name`, as jq writes it; `.` is the record itself."""
    told = ""
    for step in steps:
        is_name = isinstance(step, str) and _PLAIN_NAME.fullmatch(step)
        told += f".{step}" if is_name else f"[{json.dumps(step)}]"
    return told if told.startswith(".") else f".{told}"


def _shortened(message: str, instance: str) -> str:
    """jsonschema says the whole instance first; of a long one only its beginning helps."""
    if len(instance) > 120 and message.startswith(instance):
        message = f"{instance[:100]}… {message[len(instance) :].strip()}"
    return message if len(message) <= _MOST_CHARACTERS else message[: _MOST_CHARACTERS - 1] + "…"


def check_schema(schema: Any) -> None:
    """ValueError when it is no JSON Schema, a reference leads out of it, or a pattern is no regular expression."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    kind = validator_for(schema, default=_default_validator())
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"{error.json_path}: {_shortened(error.message, repr(error.instance))}") from None
    _check_references(schema)
    samples: tuple[Any, ...] = (None, True, 0, "", [], [None], {})
    for record in samples:
        list(_validator(json.dumps(schema)).iter_errors(record))  # raises for a pattern that is no regular expression


def _check_references(schema: Any) -> None:
    """Every `$ref` must lead somewhere inside the schema; nothing is ever fetched."""
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    if not isinstance(schema, dict):
        return
    resolver = Registry().resolver_with_root(Resource.from_contents(schema, default_specification=DRAFT202012))
    for reference in _references(schema, top=True):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            said = f"$ref {reference!r} leads to nothing in this schema (other files and addresses are never read)"
            raise ValueError(said) from None


def _references(part: Any, *, top: bool = False) -> Iterator[str]:
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)
    if not isinstance(part, dict) or ("$id" in part and not top):
        return  # below another $id references have another base; they are found when they are used
    for key, inner in part.items():
        if key == "$ref" and isinstance(inner, str):
            yield inner
        elif key not in {"enum", "const", "default", "examples"}:
            yield from _references(inner)


@lru_cache(maxsize=16)
def _validator(schema: str) -> Any:
    """An empty registry: a reference to a file or an address is refused instead of fetched (measured)."""
    from jsonschema.validators import extend, validator_for
    from referencing import Registry

    contents = translated(json.loads(schema), {})
    kind = validator_for(contents, default=_default_validator())
    bounds = {"formatMinimum": _not_before, "formatMaximum": _not_after}
    return extend(kind, bounds)(contents, registry=Registry(), format_checker=_formats(kind))


def _not_before(validator: Any, bound: Any, value: Any, schema: Any) -> Iterator[Any]:
    """`formatMinimum` of a date, as other validators have it; of another format it says nothing."""
    from jsonschema.exceptions import ValidationError

    if schema.get("format") == "date" and isinstance(value, str) and isinstance(bound, str) and value < bound:
        yield ValidationError(f"{value!r} is before {bound}, the first day allowed")


def _not_after(validator: Any, bound: Any, value: Any, schema: Any) -> Iterator[Any]:
    """`formatMaximum` of a date."""
    from jsonschema.exceptions import ValidationError

    if schema.get("format") == "date" and isinstance(value, str) and isinstance(bound, str) and value > bound:
        yield ValidationError(f"{value!r} is after {bound}, the last day allowed")


@lru_cache(maxsize=16)
def _originals(schema: str) -> dict[str, str]:
    """Python's patterns -> those of the schema, for messages."""
    originals: dict[str, str] = {}
    translated(json.loads(schema), originals)
    return originals


def translated(schema: Any, originals: dict[str, str]) -> Any:
    """The schema with its patterns as Python reads them; `originals` gets what each one was."""
    if isinstance(schema, list):
        return [translated(each, originals) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "pattern" and isinstance(value, str):
            result[key] = as_python(value)
            originals[result[key]] = value
        elif key in _NAMED and isinstance(value, dict):
            names = as_python if key == "patternProperties" else str
            result[key] = {names(name): translated(inner, originals) for name, inner in value.items()}
        else:
            result[key] = value if key in _NO_SCHEMAS else translated(value, originals)
    return result


def _default_validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator


def _formats(kind: Any) -> Any:
    """The draft's own formats, and those that jsonschema would silently accept without extra packages."""
    from jsonschema import FormatChecker

    checker = FormatChecker(())
    checker.checkers = dict(kind.FORMAT_CHECKER.checkers)
    for name, reads in (
        ("date", _is_date),
        ("date-time", _is_moment),
        ("time", _is_time),
        ("uri", _is_uri),
        ("integer", _is_whole),
    ):
        checker.checks(name, raises=ValueError)(reads)
    return checker


def _is_date(value: object) -> bool:
    return not isinstance(value, str) or (bool(_DAY.fullmatch(value)) and bool(date.fromisoformat(value)))


def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or (
        value[10:11] in {"T", "t"} and datetime.fromisoformat(value.upper()).tzinfo is not None
    )


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or time.fromisoformat(value.upper()).tzinfo is not None


def _is_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return bool(urlsplit(value).scheme) and not any(character.isspace() for character in value)


def _is_whole(value: object) -> bool:
    """Written as a whole number: to JSON Schema 1.0 is an integer as well, to whoever reads the results it is not."""
    return not isinstance(value, float)


# --- patterns ---------------------------------------------------------------------------------------------------------

_SPACES = [(0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)]
_SPACES += [(0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)]
_DIGITS = [(0x30, 0x39)]
_LETTERS = [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]
_LINE_ENDS = [(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)]
_LAST = 0x10FFFF


def _members(ranges: list[tuple[int, int]]) -> str:
    """What stands inside the brackets of a class."""
    return "".join(rf"\U{first:08x}-\U{last:08x}" for first, last in ranges)


def _others(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    ends = [-1, *(last for _, last in ranges)]
    starts = [*(first for first, _ in ranges), _LAST + 1]
    return [(end + 1, start - 1) for end, start in zip(ends, starts, strict=True) if end + 1 < start]


_CLASSES = {"d": _DIGITS, "w": _LETTERS, "s": _SPACES}
_CLASSES |= {name.upper(): _others(ranges) for name, ranges in _CLASSES.items()}
_PIECE = re.compile(
    r"\\k<(?P<back>\w+)>|\\u\{(?P<point>[0-9A-Fa-f]{1,6})\}|\\c(?P<control>[A-Za-z])|\\(?P<escaped>.)"
    r"|\(\?<(?P<name>[A-Za-z_]\w*)>|.",
    re.DOTALL,
)


@lru_cache(maxsize=256)
def as_python(pattern: str) -> str:
    """A pattern of ECMA-262 as one of Python's `re`. What only Python knows, `(?P<name>` or `\\Z`, stays as it is."""
    out: list[str] = []
    opened: int | None = None
    """Where the class begins that is not closed yet."""
    for match in _PIECE.finditer(pattern):
        piece = match[0]
        if opened is None and piece == "[":
            opened = len(out)
            out.append(piece)
        elif opened is not None and piece == "]":
            out[opened:] = [_class("".join(out[opened:]))]
            opened = None
        else:
            out.append(_piece(match, inside=opened is not None))
    return "".join(out)


def _class(text: str) -> str:
    """A class, which in ECMA may be empty: `[]` matches nothing, `[^]` anything."""
    return {"[": "(?!)", "[^": r"[\s\S]"}.get(text, f"{text}]")


def _piece(match: re.Match[str], *, inside: bool) -> str:
    if match["back"]:
        return f"(?P={match['back']})"
    if match["point"]:
        return rf"\U{int(match['point'], 16):08x}"
    if match["control"]:
        return rf"\x{ord(match['control']) % 32:02x}"
    if match["name"]:
        return match[0] if inside else f"(?P<{match['name']}>"
    return _escape(match["escaped"], inside=inside) if match["escaped"] else _plain(match[0], inside=inside)


def _escape(escaped: str, *, inside: bool) -> str:
    if escaped in _CLASSES:
        members = _members(_CLASSES[escaped])
        return members if inside else f"[{members}]"
    if escaped in "bB" and not inside:
        return rf"(?a:\{escaped})"
    return "/" if escaped == "/" else f"\\{escaped}"


def _plain(character: str, *, inside: bool) -> str:
    if inside:
        return r"\[" if character == "[" else character
    if character not in "$.":
        return character
    return r"\Z" if character == "$" else f"[{_members(_others(_LINE_ENDS))}]"
