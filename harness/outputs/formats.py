"""How merged records look in a file: a JSON array or object, JSON lines, or CSV. All stream; all are deterministic."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Final

from harness.base.paths import read_path, steps_of
from harness.core.types import Json
from harness.job.job import OutputSpec
from harness.outputs.parse import canonical

MOST_MORE_COLUMNS: Final = 1_000
"""Of a CSV file, besides those that the schema names."""

_REST: Final = "(other fields)"

Lines = Iterable[bytes]
"""Canonical records, without line ends."""

_QUOTED: Final = re.compile(r'[",;|\t\r\n\0]|^\s|\s$')
"""Cells that are put in quotes: also for programs that take another separator than the comma."""


def as_array(lines: Lines) -> Iterator[bytes]:
    """`[`, one record a line, `]`."""
    separator = b"[\n"
    for line in lines:
        yield separator + line
        separator = b",\n"
    yield b"[]\n" if separator == b"[\n" else b"\n]\n"


def as_object(lines: Lines, key: str) -> Iterator[bytes]:
    """`{`, one `"key":record` a line, `}`. A key that was there before gets ` (2)`, so that no record is lost."""
    separator = b"{\n"
    times: dict[str, int] = {}
    for line in lines:
        name = unique = str(read_path(json.loads(line), key))
        while unique in times:
            times[name] += 1
            unique = f"{name} ({times[name]})"
        times[unique] = 1
        yield separator + canonical(unique).encode() + b":" + line
        separator = b",\n"
    yield b"{}\n" if separator == b"{\n" else b"\n}\n"


def as_lines(lines: Lines) -> Iterator[bytes]:
    """One record a line."""
    for line in lines:
        yield line + b"\n"


def as_csv(lines: Lines, output: OutputSpec, spool: IO[bytes]) -> Iterator[bytes]:
    """A header and one row a record; cells are texts, numbers, `true`, empty for null, or JSON for what is nested.

    Columns: the key, those of the schema in its order, then others as they are first seen, at most MOST_MORE_COLUMNS:
    what a record has beyond them is one JSON object in the last column, because each column costs every row a cell.
    `spool` holds the records until all columns are known. Whoever reads it back gets each text as it is, also one that
    a spreadsheet would take for a formula: the workbook of a report is for spreadsheets.
    """
    columns = _columns(output)
    most, is_full = len(columns) + MOST_MORE_COLUMNS, False
    for line in lines:
        spool.write(line + b"\n")
        for name in _row(json.loads(line)):
            if name not in columns:
                if len(columns) == most:
                    is_full = True
                    break
                columns[name] = None
    spool.seek(0)
    return _rows(list(columns), is_full, spool)


def _columns(output: OutputSpec) -> dict[str, None]:
    """What is known before any record is seen: the schema's properties, the key in front if it is not among them."""
    properties = dict.fromkeys((output.schema or {}).get("properties", {}))
    key = steps_of(output.key) or ()
    if properties and len(key) == 1 and isinstance(key[0], str) and key[0] not in properties:
        return {key[0]: None, **properties}
    return properties


def _rows(columns: list[str], is_full: bool, spool: IO[bytes]) -> Iterator[bytes]:
    """RFC 4180, with CRLF."""
    header = [*columns, *([_REST] if is_full else [])]
    if header:
        yield _line(header)
    for line in spool:
        row = dict(_row(json.loads(line)))
        cells = [_cell(row.pop(column)) if column in row else "" for column in columns]
        yield _line([*cells, *([canonical(row) if row else ""] if is_full else [])])


def _line(cells: list[str]) -> bytes:
    line = ",".join(_quoted(cell) for cell in cells) or '""'  # an empty line is no row to most readers
    return f"{line}\r\n".encode()


def _quoted(cell: str) -> str:
    if not cell or not _QUOTED.search(cell):
        return cell
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


def _row(record: Json) -> Mapping[str, Json]:
    return record if isinstance(record, dict) else {"value": record}


def _cell(value: Json) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return canonical(value)
