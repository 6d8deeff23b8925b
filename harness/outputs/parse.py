"""Reads a frozen output file strictly: one whole JSON value within limits, or the reason why not. Nothing is mended."""

import json
from dataclasses import dataclass
from typing import Final

from harness.base.paths import MISSING, put_at, read_path, steps_of
from harness.base.reason import Reason, cut_text
from harness.base.strict_json import Oddity, RefusedError, document_of, must_have_few, text_of
from harness.core.id_forms import are_one
from harness.core.types import Json
from harness.job.job import OutputSpec

MOST_BYTES: Final = 64 * 1024 * 1024
NO_BOUND: Final = 2**63


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """One record of a file, in the order of the file. `problem` says why it may not be used."""

    record: Json
    problem: Reason | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file that could be read. `odd` is what was read over: a fence, a BOM, CRLF."""

    found: tuple[FoundRecord, ...]
    odd: tuple[Oddity, ...] = ()


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A file of which nothing may be used; `reason` is without the `file`."""

    reason: Reason


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
        text, odd = text_of(content, most_bytes)
        document = document_of(text)
        if output.shape != "one":
            must_have_few(document, most_records)
    except RefusedError as error:
        return Unparsed(Reason("not_json", {"problem": str(error)}))
    found = _found(document, output)
    return Parsed(found, odd) if found is not None else Unparsed(_wrong_shape(document, output))


def canonical(record: Json) -> str:
    """The one form in which a record is stored and merged: compact JSON, keys in the order given, no NaN."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


# --- one JSON value to records ----------------------------------------------------------------------------------------


def _found(document: Json, output: OutputSpec) -> tuple[FoundRecord, ...] | None:
    """None for a value of another shape."""
    match output.shape:
        case "array":
            return tuple(map(FoundRecord, document)) if isinstance(document, list) else None
        case "object":
            if not isinstance(document, dict):
                return None
            return tuple(_member(name, value, output.key) for name, value in document.items())
        case "one":
            return (FoundRecord(document),) if isinstance(document, list if is_array(output.key) else dict) else None
        case "files":
            raise AssertionError("for shape files the bytes are the record; nothing is parsed")


def _member(name: str, value: Json, key: str) -> FoundRecord:
    """The value with its name at `key`. One that says another name is kept under the name it is filed under."""
    record = value if isinstance(value, dict) else {"value": value}
    inside = read_path(record, key)
    if inside == name and isinstance(inside, str):
        return FoundRecord(record)
    if not steps_of(key):
        return FoundRecord(record, Reason("key_has_no_place", {"name": name, "path": key}))
    try:
        filed = put_at(record, key, name)
    except ValueError:
        return FoundRecord(record, Reason("key_has_no_place", {"name": name, "path": key}))
    if inside is MISSING or are_one(name, inside):
        return FoundRecord(filed)
    return FoundRecord(
        filed, Reason("key_differs", {"name": name, "path": key, "got": cut_text(canonical(inside), 100)}, key)
    )


def is_array(path: str) -> bool:
    """True when a record that has something at this path is an array: `.[0]`."""
    return isinstance((steps_of(path) or ("",))[0], int)


def _wrong_shape(document: Json, output: OutputSpec) -> Reason:
    """`shape` is what was asked for: `array`, `object`, or for one record `one object` or `one array`."""
    one = f"one {'array' if is_array(output.key) else 'object'}"
    shape = one if output.shape == "one" else output.shape
    return Reason("wrong_shape", {"shape": shape, "key": output.key, "got": _type(document)})


def _type(value: Json) -> str:
    """As JSON calls it."""
    names = {type(None): "null", bool: "boolean", dict: "object", list: "array", str: "string"}
    return names.get(type(value), "number")
