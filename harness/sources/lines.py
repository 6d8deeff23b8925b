"""Items out of files with one item a line, JSONL and plain text, read line by line within limits."""

import json
from array import array
from pathlib import Path

from harness.base.texts import TextError, shown
from harness.core.types import Json
from harness.sources.encodings import lines_of
from harness.sources.rows import MOST_ITEMS, DuplicateKeyError, Rows, SourceError, strict_json, too_many

_MOST_PROBLEMS = 20


def rows_of_jsonl(file: Path, encoding: str | None = None) -> Rows:
    """One JSON value a line; blank lines are passed over. SourceError with every line that is none."""
    values: list[Json] = []
    numbers = array("q")
    problems: list[TextError] = []
    try:
        for number, line in enumerate(lines_of(file, encoding, newline=None), 1):
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
    told_at_once(file, problems)
    name = shown(file)
    return Rows(values, lambda index: f"{name}:{numbers[index]}")


def rows_of_txt(file: Path, encoding: str | None = None) -> Rows:
    """One text a line, without the white space around it; blank lines are passed over."""
    values: list[Json] = []
    numbers = array("q")
    tabs: set[int] = set()
    try:
        for number, line in enumerate(lines_of(file, encoding, newline=None), 1):
            if text := line.strip():
                values.append(text)
                numbers.append(number)
                tabs.add(text.count("\t"))
            if len(numbers) > MOST_ITEMS:
                too_many(file)
    except TextError as error:
        told_at_once(file, [error])
    name = shown(file)
    is_table = len(tabs) == 1 and 0 not in tabs and len(values) > 1
    hint = "every line has the same number of tabs; if these are columns, write delimiter: tab under items"
    return Rows(values, lambda index: f"{name}:{numbers[index]}", warnings=(f"{name}: {hint}",) if is_table else ())


def told_at_once(file: Path, problems: list[TextError]) -> None:
    """SourceError with the problems, the first ones in full; nothing where there are none."""
    name = shown(file)
    if problems:
        told = [problem.at(name) for problem in problems[:_MOST_PROBLEMS]]
        if len(problems) > _MOST_PROBLEMS:
            told.append(TextError(f"and {len(problems) - _MOST_PROBLEMS:,} more lines like these").at(name))
        raise SourceError(*told)
