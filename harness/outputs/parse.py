"""Reads a frozen output file strictly: one whole JSON value within limits, or the reason why not. Nothing is mended."""

import json
from dataclasses import dataclass
from typing import Final

from harness.base.paths import MISSING, put_at, read_path, steps_of
from harness.base.strict_json import RefusedError, document_of, must_have_few, text_of
from harness.core.types import Json
from harness.job.job import OutputSpec
from harness.outputs.id_forms import are_one

MOST_BYTES: Final = 64 * 1024 * 1024
NO_BOUND: Final = 2**63


@dataclass(frozen=True, slots=True)
class Found:
    """One record of a file, in the order of the file. `problem` says why it may not be used."""

    record: Json
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file that could be read. `notes` are oddities that were accepted: a fence, a BOM, CRLF."""

    found: tuple[Found, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A file of which nothing may be used."""

    reason: str


def most_records(items: int) -> int:
    """Records that a file about so many items may have."""
    return 1000 * items + 1000


def parse(
    content: bytes, output: OutputSpec, *, most_bytes: int = MOST_BYTES, most_records: int = NO_BOUND
) -> Parsed | Unparsed:
    """The records in `content`, whose shape is array, object or one.

    Shape `object`: a record is the value of a member, with the member's name put at `key` where it has none; a value
    that is no object becomes `{"value": ...}` first.
    """
    try:
        text, notes = text_of(content, most_bytes)
        document = document_of(text)
        if output.shape != "one":
            must_have_few(document, most_records)
        return Parsed(_found(document, output), notes)
    except RefusedError as error:
        return Unparsed(str(error))


def canonical(record: Json) -> str:
    """The one form in which a record is stored and merged: compact JSON, keys in the order given, no NaN."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


# --- one JSON value to records ----------------------------------------------------------------------------------------


def _found(document: Json, output: OutputSpec) -> tuple[Found, ...]:
    match output.shape:
        case "array":
            if not isinstance(document, list):
                raise RefusedError(f"expected an array of records, got {_kind(document)}")
            return tuple(map(Found, document))
        case "object":
            if not isinstance(document, dict):
                raise RefusedError(f"expected an object of records by their {output.key}, got {_kind(document)}")
            return tuple(_member(name, value, output.key) for name, value in document.items())
        case "one":
            expected = list if isinstance((steps_of(output.key) or ("",))[0], int) else dict
            if not isinstance(document, expected):
                raise RefusedError(f"expected one record, got {_kind(document)}")
            return (Found(document),)
        case "files":
            raise AssertionError("for shape files the bytes are the record; nothing is parsed")


def _member(name: str, value: Json, key: str) -> Found:
    """The value with its name at `key`. One that says another name is kept under the name it is filed under."""
    record = value if isinstance(value, dict) else {"value": value}
    inside = read_path(record, key)
    if inside == name and isinstance(inside, str):
        return Found(record)
    if not steps_of(key):
        return Found(record, f"has no place for its name at {key}")
    try:
        filed = put_at(record, key, name)
    except ValueError as error:
        return Found(record, str(error))
    if inside is MISSING or are_one(name, inside):
        return Found(filed)
    return Found(filed, f"is filed under {name!r:.100} but its {key} says {inside!r:.100}")


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "an object"
        case list():
            return "an array"
        case str():
            return "a text"
        case _:
            return "a number"
