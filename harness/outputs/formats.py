"""How merged records look in a file: a JSON array or object, JSON lines, or CSV. All stream; all are deterministic."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Final

from harness.base.paths import read_path, steps_of
from harness.core.types import Json
from harness.job.job import OutputSpec
from harness.outputs.parse import canonical

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

    Columns: the key, those of the schema in its order, then others as they are first seen; `spool` holds the records
    until all columns are known. Whoever reads it back gets each text as it is, also one that a spreadsheet would take
    for a formula: the workbook of a report is for spreadsheets.
    """
    columns = _columns(output)
    for line in lines:
        spool.write(line + b"\n")
        columns |= dict.fromkeys(_row(json.loads(line)))
    spool.seek(0)
    return _rows(list(columns), spool)


def _columns(output: OutputSpec) -> dict[str, None]:
    """What is known before any record is seen: the schema's properties, the key in front if it is not among them."""
    properties = dict.fromkeys((output.schema or {}).get("properties", {}))
    key = steps_of(output.key) or ()
    if properties and len(key) == 1 and isinstance(key[0], str) and key[0] not in properties:
        return {key[0]: None, **properties}
    return properties


def _rows(header: list[str], spool: IO[bytes]) -> Iterator[bytes]:
    """RFC 4180, with CRLF."""
    if header:
        yield _line(header)
    for line in spool:
        row = _row(json.loads(line))
        yield _line([_cell(row.get(column)) for column in header])


def _line(cells: list[str]) -> bytes:
    line = ",".join(_quoted(cell) for cell in cells) or '""'  # an empty line is no row to most readers
    return f"{line}\r\n".encode()


def _quoted(cell: str) -> str:
    if not _QUOTED.search(cell):
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
