"""The schema that version 0.1.0 derived from `fields`: its ledgers hold a hash of that. It never changes again."""

import re
from collections.abc import Mapping
from typing import Any, Final

_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "string", "pattern": r"\S"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"},
    "array": {"type": "array", "minItems": 1},
    "object": {"type": "object", "minProperties": 1},
}
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?"
_RANGE = rf"(integer|number) +({_NUMBER})?\.\.({_NUMBER})?"


def schema_of_old_fields(fields: Mapping[str, str]) -> dict[str, Any]:
    """Of fields that 0.1.0 took; of one that it did not know, the text: no ledger of it can hold such a hash."""
    properties = {name: _schema(text.strip()) for name, text in fields.items()}
    return {"type": "object", "required": list(fields), "properties": properties}


def _schema(text: str) -> Any:
    if "|" in text:
        return {"type": "string", "enum": [choice.strip() for choice in text.split("|")]}
    if found := re.fullmatch(_RANGE, text):
        kind, *bounds = found.groups()
        named = zip(("minimum", "maximum"), bounds, strict=True)
        return {"type": kind} | {name: float(each) if "." in each else int(each) for name, each in named if each}
    return dict(_TYPES[text]) if text in _TYPES else text
