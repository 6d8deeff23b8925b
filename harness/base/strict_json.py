"""Reads what a session wrote as JSON, strictly: one whole value within limits, or why not. Nothing is mended.

The bounded child loads this file alone; it needs nothing of ours.
"""

import json
import math
import re
from collections import Counter
from decimal import Context, Decimal
from itertools import accumulate
from typing import Any, Final, Literal, NoReturn

Json = Any

MOST_DEPTH: Final = 200
MOST_VALUES: Final = 1_000_000
"""Of one file, those inside of others included. A value takes about 100 bytes of memory, whatever it is."""
_MOST_DIGITS: Final = 1000
_EXACT: Final = Context(prec=3000)
_SURE_DIGITS: Final = 15
"""Of a decimal fraction: a float holds as many, whatever they are."""

_STEP: Final = 1 << 16
_DEEPER: Final = {"[": 1, "{": 1, "]": -1, "}": -1}
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")


class RefusedError(ValueError):
    """What is wrong with the file, in words for the session that wrote it. `offset`: the character where it is, if it
    is at one."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset


def records_in(document: Json) -> int:
    """How many records a list or an object of them has."""
    return len(document) if isinstance(document, list | dict) else 1


def refusal_of(content: bytes, most_bytes: int, most_records: int) -> str | None:
    """Why nothing of a file may be used; None when it can be read within the limits."""
    try:
        text, _ = text_of(content, most_bytes)
        del content
        must_have_few(document_of(text), most_records)
    except RefusedError as error:
        return str(error)
    return None


def must_have_few(document: Json, most_records: int) -> None:
    """RefusedError for more records than that."""
    if (records := records_in(document)) > most_records:
        raise RefusedError(f"the file has {records:,} records, more than {most_records:,}")


# --- bytes to text ----------------------------------------------------------------------------------------------------


Oddity = Literal["byte_order_mark", "crlf", "markdown_fence"]
"""What was read over."""


def text_of(content: bytes, most_bytes: int) -> tuple[str, tuple[Oddity, ...]]:
    if len(content) > most_bytes:
        raise RefusedError(f"the file has {len(content):,} bytes, more than {most_bytes:,}")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RefusedError("the file is UTF-16 (byte order mark at byte 0), expected UTF-8")
    if (nul := content.find(0)) >= 0:
        raise RefusedError(f"NUL at byte {nul}, expected UTF-8 text")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8") from None
    odd: list[Oddity] = []
    if text.startswith("\ufeff"):
        odd.append("byte_order_mark")
        text = "   " + text[1:]  # three bytes, so that offsets stay those of the file
    if "\r\n" in text:
        odd.append("crlf")
    if not text.strip():
        raise RefusedError("the file is empty")
    if text.lstrip().startswith("```"):
        odd.append("markdown_fence")
        text = _inside_fence(text)
    return text, tuple(odd)


def _inside_fence(text: str) -> str:
    """The text between one fence that surrounds everything; what stood before it becomes spaces."""
    start = text.find("\n", text.index("```"))
    end = text.rfind("```")
    if start < 0 or end < start or not text[start:end].rstrip(" \t").endswith("\n"):
        raise RefusedError("the file begins with a markdown fence that is never closed")
    if text[end + 3 :].strip():
        raise RefusedError(f"text after the markdown fence at byte {_bytes_before(text, end + 3)}")
    return " " * start + text[start:end]


# --- text to one JSON value -------------------------------------------------------------------------------------------


def document_of(text: str) -> Json:
    if text.count("[") + text.count("{") + text.count(",") > MOST_VALUES:
        _refuse_many(text)
    if text.count("[") + text.count("{") > MOST_DEPTH:
        _refuse_depth(text)
    try:
        document: Json = _DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise RefusedError(_in_words(text, error), error.pos) from None
    except UnicodeEncodeError:
        raise RefusedError("half of a surrogate pair (\\ud800 to \\udfff alone), which is not a character") from None
    return document


def _refuse_many(text: str) -> None:
    """Each comma comes before a value, and so does each bracket that opens, unless nothing is in it."""
    outside = _outside_texts(text)
    opened = outside.count("[") + outside.count("{") - outside.count("[]") - outside.count("{}")
    if opened + outside.count(",") >= MOST_VALUES:
        raise RefusedError(f"the file holds more than {MOST_VALUES:,} values")


def _outside_texts(text: str) -> str:
    return "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])


def _refuse_depth(text: str) -> None:
    """In steps, so that other threads run; no regular expression over strings, which took 7 GB for 60 MB (measured)."""
    outside = _outside_texts(text)
    depth = 0
    for start in range(0, len(outside), _STEP):
        brackets = _NOT_BRACKETS.sub("", outside[start : start + _STEP])
        depths = list(accumulate(map(_DEEPER.__getitem__, brackets), initial=depth))
        if max(depths) > MOST_DEPTH:
            raise RefusedError(f"nested more than {MOST_DEPTH} deep")
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
        raise RefusedError(f"the key {twice!r:.100} is twice in one object")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise RefusedError(f"an integer of {len(digits):,} digits, more than {_MOST_DIGITS:,}")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise RefusedError(f"the number {digits[:40]} is too big")
    if not is_exact(digits, number):
        raise RefusedError(f"the number {digits[:40]} has more digits than can be kept; write it as a text")
    return number


def is_exact(digits: str, number: float) -> bool:
    """Is this the number that was written, as far as it was written? Some programs print more digits of a number than
    it takes to tell it from others: those are no other number."""
    if len(digits) <= _SURE_DIGITS and number:
        return True
    if len(digits) > _MOST_DIGITS:
        return False
    written = Decimal(digits)
    if written == Decimal(repr(number)):
        return True
    return bool(number) and Decimal(number).quantize(written, context=_EXACT) == written


def _constant(word: str) -> NoReturn:
    raise RefusedError(f"{word} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_member_once, parse_int=_integer, parse_float=_finite, parse_constant=_constant
)
