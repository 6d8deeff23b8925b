"""Items out of one JSON file: a plain path is read in Python and keeps big integers, other jq in a bounded child."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from harness.base.json_places import offset_of_repeated_key, offsets_below
from harness.base.paths import MISSING, read_path, steps_of
from harness.base.texts import TextError, place_of, shown
from harness.core.types import Json
from harness.evaluation.bounded import Bounded
from harness.evaluation.persistent_child import BoundedError
from harness.sources.encodings import text_of
from harness.sources.lines import told_at_once
from harness.sources.rows import MOST_ITEMS, MOST_JSON_BYTES, DuplicateKeyError, Rows, refuse, strict_json, too_many


def rows_of_json(
    file: Path, rows: str, variables: Mapping[str, Json], bounded: Bounded, encoding: str | None = None
) -> Rows:
    """The results of the jq stream `rows` over the file, in order. SourceError when it cannot be read."""
    try:
        text = text_of(file, encoding, most_bytes=MOST_JSON_BYTES)
    except TextError as error:
        told_at_once(file, [error])
    document = parsed(file, text)
    plain, steps = _plain_stream(rows)
    if plain is None:
        return _through_jq(file, document, rows, variables, bounded)
    values = _values(file, document, plain, is_stream=rows.strip().endswith("[]"))
    if len(values) > MOST_ITEMS:
        too_many(file)
    return Rows(values, _placer(file, text, steps))


def chosen_rows(file: Path, whole: Rows, rows: str, variables: Mapping[str, Json], bounded: Bounded) -> Rows:
    """The results of the jq stream `rows` over the list of all rows of a file with one row a line."""
    if rows.strip() == ".[]":
        return whole
    return replace(_through_jq(file, whole.values, rows, variables, bounded), warnings=whole.warnings)


def parsed(file: Path, text: str) -> Json:
    """The JSON value of a file's text; SourceError with the line when it is not strict JSON."""
    try:
        return strict_json(text)
    except json.JSONDecodeError as error:
        line, column = place_of(text, error.pos)
        refuse(file, f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}", line=line, column=column)
    except DuplicateKeyError as error:
        line, column = place_of(text, offset_of_repeated_key(text))
        refuse(file, str(error), line=line, column=column)
    except ValueError as error:
        refuse(file, f"cannot be read as JSON: {error}")


def _plain_stream(rows: str) -> tuple[str | None, tuple[str | int, ...]]:
    """The plain path in `.schools[]` or `.school`, and its steps; None for any other jq."""
    path = rows.strip().removesuffix("[]") or "."
    steps = steps_of(path)
    return (None, ()) if steps is None else (path, steps)


def _values(file: Path, document: Json, path: str, *, is_stream: bool) -> list[Json]:
    found = read_path(document, path)
    if found is MISSING:
        top = f"; the file has {', '.join(map(repr, list(document)[:10]))}" if isinstance(document, dict) else ""
        refuse(file, f"rows: the file has nothing at {path}{top}")
    if not is_stream:
        return [found]
    if isinstance(found, dict):
        return list(found.values())
    if not isinstance(found, list):
        refuse(file, f"rows: expected a list at {path}, got {kind_of(found)}")
    return found


def _through_jq(file: Path, document: Json, rows: str, variables: Mapping[str, Json], bounded: Bounded) -> Rows:
    try:
        values = bounded.jq(rows, [document], variables, most=MOST_ITEMS, timeout_s=60.0)[0]
    except BoundedError as error:
        refuse(file, f"rows: {rows!r}: {error.message}")
    name = shown(file)
    return Rows(values, lambda index: f"{name} (row {index + 1})")


def _placer(file: Path, text: str, steps: tuple[str | int, ...]) -> Callable[[int], str]:
    @lru_cache(maxsize=1)
    def offsets() -> list[int]:
        return offsets_below(text, steps)

    def place(index: int) -> str:
        known = offsets()
        if index >= len(known):
            return f"{shown(file)} (row {index + 1})"
        line, column = place_of(text, known[index])
        return f"{shown(file)}:{line}:{column}"

    return place


def kind_of(value: Json) -> str:
    """`the number 7`, `text`, `a list`, `nothing`: a JSON value for a message."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value!r}"[:60]
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
