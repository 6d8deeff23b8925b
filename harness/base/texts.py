"""Reading the user's text files: strict UTF-8, a stated limit of size, and the place of what is wrong."""

import stat
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from harness.base.errors import Problem

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class TextError(Exception):
    """A text file cannot be read. `line` and `column` count from 1 and are None when the file as a whole is meant."""

    def __init__(
        self, message: str, *, line: int | None = None, column: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint

    def at(self, where: str) -> Problem:
        """The problem, told about the file `where`, with line and column behind it when they are known."""
        if self.line is None:
            return Problem(where, self.message, self.hint)
        return Problem(f"{where}:{self.line}:{self.column or 1}", self.message, self.hint)


def shown(path: Path) -> str:
    """The path as messages name it: relative when it lies below the current folder, else absolute."""
    absolute = path.absolute()
    try:
        return str(absolute.relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):
        return str(absolute)


def first_of(names: Sequence[str], most: int = 3) -> str:
    """`A, B, C and 4 more`."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def whole(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, which no file in UTF-8 can hold. Names of files that are
    no UTF-8 bring them, and escapes in JSON."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def folded_text(text: str) -> str:
    """The text as texts are compared: composed, without case, each run of white space one space."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def size_in_words(size_bytes: int) -> str:
    """`1 MB`, `32 MB`, `1.5 MB`, `900 bytes`; a megabyte is 1024 x 1024 bytes."""
    if size_bytes < 1024:
        return f"{size_bytes} bytes"
    if size_bytes < 1024 * 1024:
        return f"{size_bytes / 1024:.3g} KB"
    return f"{size_bytes / 1024 / 1024:.3g} MB"


def in_yaml(text: str) -> str:
    """The text in single quotes, as it may stand in a manifest wherever a value may: `'.["Review ID"]'`."""
    return "'" + text.replace("'", "''") + "'"


def must_be_file(path: Path) -> int:
    """The size in bytes of an ordinary file. TextError when it is missing, a folder, a pipe or out of reach."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise TextError(f"the file {str(path)!r} does not exist", hint=_sibling_hint(path)) from None
    except (OSError, ValueError) as error:
        raise TextError(f"cannot read {str(path)!r}: {_why(error)}") from None
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no ordinary file"
        raise TextError(f"{str(path)!r} is {what}, expected a file")
    return status.st_size


def read_text(path: Path, *, most_bytes: int) -> str:
    """The whole text, without a byte order mark. TextError when it is missing, too big, not UTF-8 or holds a NUL."""
    must_be_file(path)
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise TextError(f"cannot read {str(path)!r}: {_why(error)}") from None
    if len(content) > most_bytes:
        raise TextError(f"is larger than {size_in_words(most_bytes)}, the most that is read of such a file")
    refuse_other_encodings(content[:8])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(content, error) from None
    refuse_nul(text)
    return text


def refuse_other_encodings(start: bytes) -> None:
    """TextError when the first bytes of a file are those of UTF-16 or of a compressed file."""
    if start.startswith(_UTF_16):
        raise TextError("is UTF-16, expected UTF-8", hint="save it as UTF-8")
    refuse_compressed(start)


def refuse_compressed(start: bytes) -> None:
    """TextError when the first bytes of a file are those of a compressed file."""
    for magic, name in _COMPRESSED.items():
        if start.startswith(magic):
            raise TextError(f"is compressed ({name}), expected text", hint="unpack it first")


def not_utf8(content: bytes, error: UnicodeDecodeError) -> TextError:
    """What to say about the byte of `content` at which decoding (with or without a byte order mark) failed."""
    offset = len(content) - len(error.object) + error.start
    line, column = place_of(content[:offset].decode("utf-8-sig", errors="replace"), None)
    message = f"is not UTF-8: byte 0x{content[offset]:02x} at offset {offset}"
    return TextError(message, line=line, column=column, hint="save it as UTF-8")


def refuse_nul(text: str, *, lines_before: int = 0) -> None:
    """TextError when there is a NUL character in the text."""
    offset = text.find("\0")
    if offset >= 0:
        line, column = place_of(text, offset)
        raise TextError("holds a NUL character", line=lines_before + line, column=column)


def place_of(text: str, offset: int | None) -> tuple[int, int]:
    """Line and column, both from 1, of a character; of the end of the text for None. Lines end with LF, CRLF or CR."""
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _sibling_hint(path: Path) -> str | None:
    try:
        names = sorted(sibling.name for sibling in path.parent.iterdir())
    except (OSError, ValueError):
        return None
    near = get_close_matches(path.name, names, n=1)
    return f"did you mean {str(path.with_name(near[0]))!r}?" if near else None


def _why(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
