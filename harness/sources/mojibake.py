"""Notices UTF-8 that was once read as Windows-1252 (`cafÃ©`); it is told, never mended."""

import re

_SUSPECT = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]+"
)


def mojibake_in(text: str) -> str | None:
    """The first run of characters that, taken as bytes of Windows-1252, are UTF-8; None when there is none."""
    if text.isascii():
        return None
    for match in _SUSPECT.finditer(text):
        if _is_utf8_as_bytes(match[0]):
            return match[0]
    return None


def _is_utf8_as_bytes(run: str) -> bool:
    try:
        read = b"".join(_byte(character) for character in run).decode()
    except (UnicodeDecodeError, UnicodeEncodeError):
        return False
    return len(read) < len(run)


def _byte(character: str) -> bytes:
    """The byte of Windows-1252; the five that it leaves undefined are those of Latin-1."""
    return bytes([ord(character)]) if ord(character) < 256 else character.encode("cp1252")
