"""Items out of files with one item a line: JSONL and CSV, read line by line within limits."""

import csv
import io
import json
from array import array
from collections.abc import Iterator
from pathlib import Path

from harness.base.texts import (
    TextError,
    must_be_file,
    not_utf8,
    refuse_nul,
    refuse_other_encodings,
    shown,
    size_in_words,
)
from harness.core.types import Json
from harness.sources.rows import (
    MOST_ITEM_CHARACTERS,
    MOST_ITEMS,
    MOST_LINES_BYTES,
    DuplicateKeyError,
    Rows,
    SourceError,
    refuse,
    strict_json,
    too_many,
)

_MOST_PROBLEMS = 20


def rows_of_jsonl(file: Path) -> Rows:
    """One JSON value a line; blank lines are passed over. SourceError with every line that is none."""
    values: list[Json] = []
    numbers = array("q")
    problems: list[TextError] = []
    try:
        for number, line in enumerate(_lines(file, newline=None), 1):
            if not line.strip():
                continue
            try:
                values.append(strict_json(line.rstrip("\n")))
            except json.JSONDecodeError as error:
                message = f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
                problems.append(TextError(message, line=number, column=error.colno))
            except DuplicateKeyError as error:
                problems.append(TextError(str(error), line=number))
            except ValueError as error:
                problems.append(TextError(f"cannot be read as JSON: {error}", line=number))
            numbers.append(number)
            if len(numbers) > MOST_ITEMS:
                too_many(file)
    except TextError as error:
        problems.append(error)
    return _rows(file, values, numbers, problems)


def rows_of_csv(file: Path) -> Rows:
    """One row a line below a header; every cell is text. SourceError with every ragged row."""
    values: list[Json] = []
    numbers = array("q")
    problems: list[TextError] = []
    before = csv.field_size_limit(MOST_ITEM_CHARACTERS)
    reader = csv.reader(_lines(file, newline=""), strict=True)
    start = 1
    try:
        header = next(reader, [])
        _check_header(header)
        start = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != len(header):
                message = f"has {len(cells)} cells where the header has {len(header)}"
                problems.append(TextError(message, line=start))
            elif cells:
                values.append(dict(zip(header, cells, strict=True)))
                numbers.append(start)
            if len(numbers) > MOST_ITEMS:
                too_many(file)
            start = reader.line_num + 1
    except csv.Error as error:
        problems.append(TextError(f"is not CSV: {_csv_in_words(error)}", line=start))
    except TextError as error:
        problems.append(error)
    finally:
        csv.field_size_limit(before)
    return _rows(file, values, numbers, problems)


def _rows(file: Path, values: list[Json], numbers: "array[int]", problems: list[TextError]) -> Rows:
    name = shown(file)
    if problems:
        told = [problem.at(name) for problem in problems[:_MOST_PROBLEMS]]
        if len(problems) > _MOST_PROBLEMS:
            told.append(TextError(f"and {len(problems) - _MOST_PROBLEMS:,} more lines like these").at(name))
        raise SourceError(*told)
    return Rows(values, lambda index: f"{name}:{numbers[index]}")


def _lines(file: Path, *, newline: str | None) -> Iterator[str]:
    """The lines with their ends (`newline` as in open). TextError with the line for what is too long or not UTF-8."""
    size = must_be_file(file)
    if size > MOST_LINES_BYTES:
        raise TextError(f"is larger than {size_in_words(MOST_LINES_BYTES)}, the most that is read of such a file")
    try:
        with file.open("rb") as raw:
            refuse_other_encodings(raw.peek(8)[:8])
            yield from _bounded_lines(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=newline))
    except UnicodeDecodeError:
        content = file.read_bytes()
        try:
            content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise not_utf8(content, error) from None
        raise TextError("was changed while it was read") from None
    except OSError as error:
        refuse(file, f"cannot be read: {error.strerror}")


def _bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(MOST_ITEM_CHARACTERS + 1):
        number += 1
        if len(line) > MOST_ITEM_CHARACTERS:
            raise TextError(f"is a line of more than {MOST_ITEM_CHARACTERS:,} characters", line=number)
        refuse_nul(line, lines_before=number - 1)
        yield line


def _check_header(header: list[str]) -> None:
    """TextError unless every column has a name of its own."""
    if not header or not any(header):
        raise TextError("has no header: the first line must name the columns", line=1)
    for place, name in enumerate(header, 1):
        if not name.strip():
            raise TextError(f"column {place} has no name in the header", line=1)
        if name in header[: place - 1]:
            raise TextError(f"columns {header.index(name) + 1} and {place} are both called {name!r}", line=1)


def _csv_in_words(error: csv.Error) -> str:
    message = str(error)
    if "unexpected end of data" in message:
        return "a quote that is opened here is never closed"
    if "field larger than field limit" in message:
        return f"a cell of more than {MOST_ITEM_CHARACTERS:,} characters"
    return message
