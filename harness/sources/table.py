"""Items out of tables: CSV and its kin, with commas, semicolons, tabs or bars between the columns; cells are text."""

import contextlib
import csv
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.base.texts import TextError, shown
from harness.core.types import Json
from harness.sources.encodings import lines_of
from harness.sources.lines import told_at_once
from harness.sources.rows import MOST_ITEM_CHARACTERS, MOST_ITEMS, Rows, too_many

if TYPE_CHECKING:
    from _csv import Reader

MARKS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SAMPLE_LINES = 200
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*')
"""Excel writes and reads it above the header."""
_ITEM_LIKE = re.compile(
    r"[a-z][a-z0-9+.-]*://\S+|www\.\S+|[^@\s]+@[^@\s]+\.[^@\s]+|\d{4}-\d\d-\d\d([ T].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")


@dataclass(slots=True)
class _Table:
    """What was read so far. `line` is the first one of the row being read, `numbers` holds that of each row."""

    columns: list[str]
    mark: str = ","
    line: int = 1
    values: list[Json] = field(default_factory=list)
    numbers: "array[int]" = field(default_factory=lambda: array("q"))
    problems: list[TextError] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    item_like: str = ""


def rows_of_table(
    file: Path, *, encoding: str | None = None, delimiter: str | None = None, columns: Sequence[str] = ()
) -> Rows:
    """One row a line, its cells under the names in the header, or under `columns` where the file has no header.

    Without `delimiter`, the mark that cuts all lines alike. Left out with a warning: rows without anything in them,
    repetitions of the header. SourceError with every ragged row.
    """
    table, mark = _Table(list(columns)), delimiter or ","
    before = csv.field_size_limit(MOST_ITEM_CHARACTERS)
    try:
        lines = lines_of(file, encoding, newline="")
        sample = list(islice(lines, _SAMPLE_LINES))
        if sample and (said := _SEPARATOR_LINE.fullmatch(sample[0])):
            sample, table.line, mark = sample[1:], 2, delimiter or said[1]
        elif delimiter is None:
            mark = _mark_between(sample)
        table.mark = mark
        reader = csv.reader(
            chain(sample, lines), delimiter=mark, skipinitialspace=_has_spaces_after(mark, sample), strict=True
        )
        _read(file, table, reader)
    except csv.Error as error:
        table.problems.append(TextError(f"is not CSV: {_in_words(error)}", line=table.line))
    except TextError as error:
        table.problems.append(error)
    finally:
        csv.field_size_limit(before)
    told_at_once(file, table.problems)
    name, numbers = shown(file), table.numbers
    return Rows(
        table.values,
        lambda index: f"{name}:{numbers[index]}",
        warnings=tuple(_warnings(name, table)),
        mark=mark,
        item_like=table.item_like,
    )


def _read(file: Path, table: _Table, reader: "Reader") -> None:
    before = table.line - 1
    for cells in reader:
        if not table.columns and cells:
            _take_header(table, cells)
        elif any(map(str.strip, cells)):
            _take(table, cells)
        elif cells:
            table.empty.append(table.line)
        if len(table.numbers) > MOST_ITEMS:
            too_many(file)
        table.line = before + reader.line_num + 1
    if not table.columns:
        raise TextError("has no header: the first line must name the columns", line=1)


def _take_header(table: _Table, cells: list[str]) -> None:
    """The names without white space around them. TextError unless each names one column."""
    names = [cell.strip() for cell in cells]
    if not any(names):
        raise TextError("has no header: the first line must name the columns", line=table.line)
    for place, name in enumerate(names, 1):
        if name and name in names[: place - 1]:
            message = f"columns {names.index(name) + 1} and {place} are both called {name!r}"
            hint = "if this line is not a header, write the names under items: columns: [...]"
            raise TextError(message, line=table.line, hint=hint)
    table.columns = names
    table.item_like = item_like(names)


def item_like(cells: Sequence[str]) -> str:
    """A cell that is hardly the name of a column: an address, a date, a number in front; or nothing."""
    found = next((cell for cell in cells if _ITEM_LIKE.fullmatch(cell)), "")
    return found or (cells[0] if cells and _NUMBER.fullmatch(cells[0]) else "")


def _take(table: _Table, cells: list[str]) -> None:
    """A column without a name must be empty: spreadsheets write such ones at the right."""
    width = len(table.columns)
    if [cell.strip().removeprefix("\ufeff") for cell in cells] == table.columns:
        table.repeated.append(table.line)
        if width > 1:
            return
    if len(cells) != width:
        message = f"has {len(cells)} cells where the header has {width}"
        marks = MARKS.get(table.mark, repr(table.mark))
        hint = f"a cell with {marks} in it needs quotes around it" if len(cells) > width else None
        table.problems.append(TextError(message, line=table.line, hint=hint))
        return
    pairs = list(zip(table.columns, cells, strict=True))
    nameless = next((place for place, (name, cell) in enumerate(pairs, 1) if not name and cell.strip()), None)
    if nameless is not None:
        raise TextError(f"column {nameless} has no name in the header", line=1, hint="write its name into the header")
    table.values.append({name: cell for name, cell in pairs if name})
    table.numbers.append(table.line)


def _mark_between(sample: Sequence[str]) -> str:
    """The mark that cuts every line into as many cells as the first; without one, that of the first line.

    TextError where two marks do: which one is meant changes what the items are.
    """
    cut = {mark: rows for mark in MARKS if len((rows := _cut(sample, mark))[0]) > 1} if any(sample) else {}
    even = [mark for mark, rows in cut.items() if all(len(row) == len(rows[0]) for row in rows)]
    if len(even) > 1 and len(cut[even[0]]) > 1:
        readings = " or ".join(f"by {MARKS[mark]} ({_quoted(cut[mark][0])})" for mark in even)
        marks = " or ".join("tab" if mark == "\t" else f'"{mark}"' for mark in even)
        hint = f"write which one under items: delimiter: {marks}"
        raise TextError(f"could be cut {readings}", line=1, hint=hint)
    if even:
        return even[0]
    return max(cut, key=lambda mark: len(cut[mark][0]), default=",")


def _cut(sample: Sequence[str], mark: str) -> list[list[str]]:
    """The rows of the sample but for empty ones, and the last one, which may be cut off. Never empty."""
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):  # said when it is read
        rows += (row for row in csv.reader(sample, delimiter=mark) if row)
    return (rows[:-1] if len(sample) >= _SAMPLE_LINES else rows) or [[]]


def _has_spaces_after(mark: str, sample: Sequence[str]) -> bool:
    """`id, company`: a space in front of each further name; those before the cells then belong to no cell either."""
    header = next((row for row in _cut(sample, mark) if row), [])
    return len(header) > 1 and all(name.startswith(" ") for name in header[1:])


def _quoted(cells: Sequence[str]) -> str:
    named = ", ".join(repr(cell.strip())[:40] for cell in cells[:4])
    return f"{named}, ..." if len(cells) > 4 else named


def _warnings(name: str, table: _Table) -> Iterator[str]:
    first, is_one = table.columns[0], len(table.columns) == 1
    if table.item_like:
        yield (
            f"{name}:1: {table.item_like!r:.80} was taken for the name of a column; if the file has no header, write "
            f"the names under items: columns: [{'url' if is_one else '...'}]"
        )
    if table.repeated:
        what = f"taken for an item called {first!r:.80}" if is_one else "left out"
        yield f"{name}:{table.repeated[0]}: {_rows(table.repeated, 'repeats', 'repeat')} the header; {what}"
    if table.empty:
        yield f"{name}:{table.empty[0]}: {_rows(table.empty, 'has', 'have')} nothing in any cell; left out"


def _rows(numbers: Sequence[int], one: str, several: str) -> str:
    return f"1 row {one}" if len(numbers) == 1 else f"{len(numbers):,} rows {several}"


def _in_words(error: csv.Error) -> str:
    message = str(error)
    if "unexpected end of data" in message:
        return "a quote that is opened here is never closed"
    if "field larger than field limit" in message:
        return f"a cell of more than {MOST_ITEM_CHARACTERS:,} characters"
    return message
