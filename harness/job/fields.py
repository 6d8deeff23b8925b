"""The short form of a schema: what `fields` may say of one field, and the JSON Schema that it stands for."""

import json
import re
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any, Final

_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "string", "pattern": r"\S"},
    "number": {"type": "number"},
    "integer": {"type": "integer", "format": "integer"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "array": {"type": "array", "minItems": 1},
    "object": {"type": "object", "minProperties": 1},
}
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?"
_OPTIONAL = re.compile(r"\((?P<choices>[^()]*\|[^()]*)\) *\?|(?P<other>[^|]*[^|?\s]) *\?")
"""A question mark behind a single word or number belongs to the field, behind a choice to the choice."""
_MUST_HOLD_SOMETHING = ("minItems", "minProperties")
_RANGE = rf"(integer|number) +({_NUMBER})?\.\.({_NUMBER})?"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DATES = rf"date +({_DATE})?\.\.({_DATE})?"
FIELD_SCHEMA: Final[Mapping[str, Any]] = {
    "anyOf": [
        {"enum": [f"{name}{mark}" for mark in ("", "?") for name in _TYPES]},
        {"type": "string", "pattern": rf"^ *({_RANGE}|{_DATES}) *\??$|\|"},
    ],
    "examples": [
        "string",
        "integer 1..5",
        "number 0..",
        "date 2026-01-01..2026-12-31",
        "positive | negative | neutral",
        "string?",
    ],
}
"""What an editor is told of one field."""


def parse_field(text: object) -> dict[str, Any]:
    """`string`, `integer 1..5`, `date 2026-01-01..`, `positive | negative` as a JSON Schema; with `?` behind it (and
    round brackets around choices) the field may be empty, null or missing. ValueError for anything else."""
    if not isinstance(text, str):
        raise ValueError(
            f"expected a type, a range or choices such as good | bad, got {json.dumps(text, default=str):.80}"
        )
    text = text.strip()
    if optional := _OPTIONAL.fullmatch(text):
        return _or_nothing(parse_field(optional["choices"] or optional["other"]))
    if "|" in text:
        return {"type": "string", "enum": _choices(text)}
    if found := re.fullmatch(_RANGE, text):
        return _range(*found.groups())
    if found := re.fullmatch(_DATES, text):
        return _range_of_dates(*found.groups())
    if text in _TYPES:
        return dict(_TYPES[text])
    near = get_close_matches(text.partition(" ")[0].casefold(), _TYPES, n=1)
    meant = f", did you mean {near[0]!r}?" if near else ""
    ranges = "a range such as integer 1..5 or date 2026-01-01..2026-12-31"
    what = f"{', '.join(_TYPES)}, {ranges}, or choices such as good | bad"
    what += "; a ? behind it for one that may be missing"
    raise ValueError(f"expected {what}, got {text!r:.80}{meant}")


def schema_of_fields(fields: Mapping[str, str]) -> dict[str, Any]:
    """The schema that `fields` is short for: every field is there and not empty, but for optional ones."""
    properties = {name: parse_field(text) for name, text in fields.items()}
    required = [name for name, text in fields.items() if not _OPTIONAL.fullmatch(text.strip())]
    return {"type": "object", "required": required, "properties": properties}


def _or_nothing(schema: dict[str, Any]) -> dict[str, Any]:
    optional = {key: value for key, value in schema.items() if key not in _MUST_HOLD_SOMETHING}
    if optional.get("pattern") == _TYPES["string"]["pattern"]:
        del optional["pattern"]
    if "enum" in optional:
        optional["enum"] = [*optional["enum"], None]
    return {**optional, "type": [schema["type"], "null"]}


def _choices(text: str) -> list[str]:
    choices = [choice.strip() for choice in text.split("|")]
    if not all(choices) or len(set(choices)) < len(choices):
        raise ValueError(f"expected different words with | between them, got {text!r:.80}")
    for choice in choices:
        if choice in _TYPES:
            raise ValueError(f"{choice!r} is a type and no choice; for several types write a schema")
        if _is_json(choice):
            raise ValueError(f"a choice is a text, got {choice}; for numbers write a range, integer 1..5, or a schema")
    return choices


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _range(kind: str, low: str | None, high: str | None) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_TYPES[kind])
    for name, text in (("minimum", low), ("maximum", high)):
        if text is not None:
            if kind == "integer" and "." in text:
                raise ValueError(f"expected whole numbers for an integer, got {text}; for others write number")
            schema[name] = float(text) if "." in text else int(text)
    if len(schema) == len(_TYPES[kind]):
        raise ValueError(f"expected a number beside the dots, such as {kind} 1..5")
    if low and high and schema["minimum"] > schema["maximum"]:
        raise ValueError(f"the range {low}..{high} goes downwards")
    return schema


def _range_of_dates(first: str | None, last: str | None) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_TYPES["date"])
    for name, text in (("formatMinimum", first), ("formatMaximum", last)):
        if text is not None:
            try:
                date.fromisoformat(text)
            except ValueError:
                raise ValueError(f"the day {text} does not exist") from None
            schema[name] = text
    if len(schema) == len(_TYPES["date"]):
        raise ValueError("expected a day beside the dots, such as date 2026-01-01..2026-12-31")
    if first and last and first > last:
        raise ValueError(f"the range {first}..{last} goes backwards")
    return schema
