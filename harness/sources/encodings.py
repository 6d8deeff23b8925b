"""The text of a list in the encoding that the manifest names, or that its first bytes leave no doubt about."""

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness.base.texts import (
    TextError,
    must_be_file,
    place_of,
    refuse_compressed,
    refuse_nul,
    size_in_words,
)
from harness.sources.rows import MOST_ITEM_CHARACTERS, MOST_LINES_BYTES, refuse

LIKELY: Final = "windows-1252"
"""What a list that is not UTF-8 most often is; it is proposed and never taken for granted."""
_UTF_8 = "utf-8-sig"
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: _UTF_8,
}
_SAMPLE_BYTES = 1024
_CONTROLS = re.compile("[\x80-\x9f]")
_WORD_BYTES = re.compile(rb"[^\s,;|\t\"]*$"), re.compile(rb"[^\s,;|\t\"]*")


class OtherEncodingError(TextError):
    """A file without a byte order mark is not UTF-8, and nothing says what it is."""


def text_of(file: Path, encoding: str | None, *, most_bytes: int) -> str:
    """The whole text. TextError when it is missing, too big, in another encoding, or holds a NUL."""
    if must_be_file(file) > most_bytes:
        raise TextError(f"is larger than {size_in_words(most_bytes)}, the most that is read of such a file")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise TextError(f"cannot be read: {error.strerror}") from None
    text = _decoded(content, codec_of(content[:_SAMPLE_BYTES], encoding), encoding)
    refuse_nul(text)
    return text


def lines_of(file: Path, encoding: str | None, *, newline: str | None) -> Iterator[str]:
    """The lines with their ends (`newline` as in open), read one by one. TextError as `text_of`, with the line."""
    if must_be_file(file) > MOST_LINES_BYTES:
        raise TextError(f"is larger than {size_in_words(MOST_LINES_BYTES)}, the most that is read of such a file")
    try:
        with file.open("rb") as raw:
            codec = codec_of(raw.peek(_SAMPLE_BYTES)[:_SAMPLE_BYTES], encoding)
            yield from _bounded(io.TextIOWrapper(raw, encoding=codec, newline=newline), codec)
    except UnicodeDecodeError:
        _decoded(file.read_bytes(), codec, encoding)
        raise TextError("was changed while it was read") from None
    except OSError as error:
        refuse(file, f"cannot be read: {error.strerror}")


def codec_of(start: bytes, encoding: str | None) -> str:
    """Python's name for the encoding of a file that begins with `start`. TextError where `encoding` cannot be true."""
    refuse_compressed(start)
    marked = next((codec for mark, codec in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), None)
    if encoding is None:
        return marked or _unmarked(start)
    named = codecs.lookup(encoding).name
    if marked is not None and named.partition("-")[0:1] == ("utf",) and named[:6] == marked[:6]:
        return marked
    if marked is not None:
        seen = marked.removesuffix("-sig")
        raise TextError(f"is {seen} by its first bytes, and not {encoding}", hint="leave items.encoding out")
    return named


def _unmarked(start: bytes) -> str:
    """UTF-16 without a mark has a NUL in every second byte of plain letters; nothing else that is text has."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if max(even, odd) * 5 >= len(start) and min(even, odd) == 0 and len(start) >= 8:
        return "utf-16-le" if odd else "utf-16-be"
    return _UTF_8


def _bounded(text: io.TextIOWrapper, codec: str) -> Iterator[str]:
    number = 0
    while line := text.readline(MOST_ITEM_CHARACTERS + 1):
        number += 1
        if len(line) > MOST_ITEM_CHARACTERS:
            raise TextError(f"is a line of more than {MOST_ITEM_CHARACTERS:,} characters", line=number)
        refuse_nul(line, lines_before=number - 1)
        _refuse_controls(line, codec, lines_before=number - 1)
        yield line


def _decoded(content: bytes, codec: str, encoding: str | None) -> str:
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        raise _not_in(content, error, encoding) from None
    _refuse_controls(text, codec)
    return text


def _refuse_controls(text: str, codec: str, *, lines_before: int = 0) -> None:
    """Latin-1 has no signs from 0x80 to 0x9f, where Windows-1252 has quotes, dashes and the euro."""
    if codec == "iso8859-1" and (found := _CONTROLS.search(text)):
        line, column = place_of(text, found.start())
        message = f"byte 0x{ord(found[0]):02x} is not a Latin-1 character"
        raise TextError(message, line=lines_before + line, column=column, hint=f"write encoding: {LIKELY}")


def _not_in(content: bytes, error: UnicodeDecodeError, encoding: str | None) -> TextError:
    """What to say about the byte of `content` at which decoding (with or without a byte order mark) failed."""
    offset = len(content) - len(error.object) + error.start
    line, column = place_of(content[:offset].decode(error.encoding, errors="replace").removeprefix("\ufeff"), None)
    if encoding is not None or error.encoding != "utf-8":
        message = f"is not {encoding or error.encoding}: {error.reason} at offset {offset}"
        return TextError(message, line=line, column=column, hint="write the encoding that it was saved in")
    message = f"is not UTF-8: byte 0x{content[offset]:02x} at offset {offset}"
    return OtherEncodingError(message, line=line, column=column, hint=_proposal(content, offset))


def _proposal(content: bytes, offset: int) -> str:
    before, after = _WORD_BYTES[0].search(content[max(0, offset - 30) : offset]), _WORD_BYTES[1].match(content, offset)
    word = (before[0] if before else b"") + (after[0] if after else b"")[:30]
    try:
        read = word.decode(LIKELY)
    except UnicodeDecodeError:
        return "write the encoding that it was saved in, encoding: ... under items, or save it as UTF-8"
    return (
        f"if this should read {read!r}, write encoding: {LIKELY} under items; "
        "else the encoding that it was saved in, or save it as UTF-8"
    )
