"""What a source yields: rows as plain JSON values, each with the place it came from; and the limits for all sources."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from harness.base.errors import Problem
from harness.base.strict_json import is_exact
from harness.base.texts import TextError, shown
from harness.core.types import Json

MOST_ITEMS: Final = 200_000
MOST_ITEM_CHARACTERS: Final = 1024 * 1024
"""Of one line, of one CSV cell and of one row as JSON."""
MOST_JSON_BYTES: Final = 32 * 1024 * 1024
MOST_LINES_BYTES: Final = 128 * 1024 * 1024
MOST_FILE_BYTES: Final = 100 * 1024 * 1024
"""Of one file that is an item."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one source, in its order. `place(index)` is `file:line` or the next best; it may cost a reading."""

    values: list[Json]
    place: Callable[[int], str]
    files: list[Path] | None = None
    """For rows that are files: the originals."""
    warnings: tuple[str, ...] = ()
    mark: str | None = None
    """Of a table: what stands between its columns; nothing in a sheet."""
    item_like: str = ""
    """Of a table: a cell of its header that is hardly the name of a column."""


class SourceError(Exception):
    """A source cannot be read as a whole."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def refuse(file: Path, message: str, *, line: int | None = None, column: int | None = None) -> NoReturn:
    """Raise SourceError about a file."""
    raise SourceError(TextError(message, line=line, column=column).at(shown(file)))


def too_many(file: Path) -> NoReturn:
    """Raise SourceError: more items than a job may have."""
    refuse(file, f"holds more than {MOST_ITEMS:,} items, the most that one job takes")


class DuplicateKeyError(ValueError):
    """An object of the JSON text names a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(f"duplicate key {key!r}")
        self.key = key


def strict_json(text: str) -> Json:
    """The value of a JSON text. JSONDecodeError, DuplicateKeyError or another ValueError (NaN, nested too deeply)."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise DuplicateKeyError(key)
            seen.add(key)
    return result


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    if not is_exact(text, number):
        raise ValueError(f"the number {text[:40]} has more digits than can be kept; write it as a text")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite)
