"""Reads a frozen output file strictly: one whole JSON value within limits, or the reason why not. Nothing is mended."""

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NoReturn

from harness.base.paths import MISSING, put_at, read_path, steps_of
from harness.core.types import Json
from harness.job.job import OutputSpec

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_DEPTH: Final = 200
_MOST_DIGITS: Final = 1000

_STEP: Final = 1 << 16
_DEEPER: Final = {"[": 1, "{": 1, "]": -1, "}": -1}
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")


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


def parse(content: bytes, output: OutputSpec, *, most_bytes: int = MOST_BYTES) -> Parsed | Unparsed:
    """The records in `content`, whose shape is array, object or one.

    Shape `object`: a record is the value of a member, with the member's name put at `key` where it has none; a value
    that is no object becomes `{"value": ...}` first.
    """
    try:
        text, notes = _text(content, most_bytes)
        return Parsed(_found(_document(text), output), notes)
    except _RefusedError as error:
        return Unparsed(str(error))


def canonical(record: Json) -> str:
    """The one form in which a record is stored and merged: compact JSON, keys in the order given, no NaN."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class _RefusedError(ValueError):
    """What is wrong with the file, in words for the session that wrote it."""


# --- bytes to text ----------------------------------------------------------------------------------------------------


def _text(content: bytes, most_bytes: int) -> tuple[str, tuple[str, ...]]:
    if len(content) > most_bytes:
        raise _RefusedError(f"the file has {len(content):,} bytes, more than {most_bytes:,}")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _RefusedError("the file is UTF-16 (byte order mark at byte 0), expected UTF-8")
    if (nul := content.find(0)) >= 0:
        raise _RefusedError(f"NUL at byte {nul}, expected UTF-8 text")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise _RefusedError(f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8") from None
    notes = []
    if text.startswith("\ufeff"):
        notes.append("byte order mark")
        text = "   " + text[1:]  # three bytes, so that offsets stay those of the file
    if "\r\n" in text:
        notes.append("CRLF line ends")
    if not text.strip():
        raise _RefusedError("the file is empty")
    if text.lstrip().startswith("```"):
        notes.append("markdown fence around the JSON")
        text = _inside_fence(text)
    return text, tuple(notes)


def _inside_fence(text: str) -> str:
    """The text between one fence that surrounds everything; what stood before it becomes spaces."""
    start = text.find("\n", text.index("```"))
    end = text.rfind("```")
    if start < 0 or end < start or not text[start:end].rstrip(" \t").endswith("\n"):
        raise _RefusedError("the file begins with a markdown fence that is never closed")
    if text[end + 3 :].strip():
        raise _RefusedError(f"text after the markdown fence at byte {_bytes_before(text, end + 3)}")
    return " " * start + text[start:end]


# --- text to one JSON value -------------------------------------------------------------------------------------------


def _document(text: str) -> Json:
    if text.count("[") + text.count("{") > MOST_DEPTH:
        _refuse_depth(text)
    try:
        document: Json = _DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:
            canonical(document).encode()
    except json.JSONDecodeError as error:
        raise _RefusedError(_in_words(text, error)) from None
    except UnicodeEncodeError:
        raise _RefusedError("half a surrogate pair (\\ud800 to \\udfff alone), which is no character") from None
    return document


def _refuse_depth(text: str) -> None:
    """In steps, so that other threads run; no regular expression over strings, which took 7 GB for 60 MB (measured)."""
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    depth = 0
    for start in range(0, len(outside), _STEP):
        brackets = _NOT_BRACKETS.sub("", outside[start : start + _STEP])
        depths = list(accumulate(map(_DEEPER.__getitem__, brackets), initial=depth))
        if max(depths) > MOST_DEPTH:
            raise _RefusedError(f"nested more than {MOST_DEPTH} deep")
        depth = depths[-1]


def _in_words(text: str, error: json.JSONDecodeError) -> str:
    at = f"byte {_bytes_before(text, error.pos)}"
    if error.msg == "Extra data":
        return (
            f"text after the JSON value at {at} ({_excerpt(text, error.pos)}); expected one JSON value and nothing else"
        )
    if not text[error.pos :].strip() or error.msg.startswith("Unterminated string"):
        return f"the JSON is cut off: it ends at byte {_bytes_before(text, len(text))} in the middle ({error.msg})"
    return f"not JSON at {at}: {error.msg} ({_excerpt(text, error.pos)})"


def _bytes_before(text: str, position: int) -> int:
    return len(text[:position].encode())


def _excerpt(text: str, position: int) -> str:
    return repr(text[position : position + 30])


def _member_once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise _RefusedError(f"the key {twice!r:.100} is twice in one object")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise _RefusedError(f"an integer of {len(digits):,} digits, more than {_MOST_DIGITS:,}")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _RefusedError(f"the number {digits[:40]} is too big")
    return number


def _constant(word: str) -> NoReturn:
    raise _RefusedError(f"{word} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_member_once, parse_int=_integer, parse_float=_finite, parse_constant=_constant
)


# --- one JSON value to records ----------------------------------------------------------------------------------------


def _found(document: Json, output: OutputSpec) -> tuple[Found, ...]:
    match output.shape:
        case "array":
            if not isinstance(document, list):
                raise _RefusedError(f"expected an array of records, got {_kind(document)}")
            return tuple(map(Found, document))
        case "object":
            if not isinstance(document, dict):
                raise _RefusedError(f"expected an object of records by their {output.key}, got {_kind(document)}")
            return tuple(_member(name, value, output.key) for name, value in document.items())
        case "one":
            expected = list if isinstance((steps_of(output.key) or ("",))[0], int) else dict
            if not isinstance(document, expected):
                raise _RefusedError(f"expected one record, got {_kind(document)}")
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
    if inside is MISSING:
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
