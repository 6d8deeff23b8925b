"""How merged records look in a file: a JSON array or object, JSON lines, or CSV. All stream; all are deterministic."""

import csv
import io
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

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?\d+([.,]\d+)*")


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
    until all columns are known. A text that a spreadsheet would take for a formula gets a `'` in front.
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
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180; with "\n" a bare CR in a cell is not quoted (measured)

    def flushed() -> bytes:
        content = text.getvalue().encode()
        text.seek(0)
        text.truncate()
        return content

    if header:
        writer.writerow(map(_harmless, header))
    for line in spool:
        row = _row(json.loads(line))
        writer.writerow([_cell(row.get(column)) for column in header])
        yield flushed()
    yield flushed()


def _row(record: Json) -> Mapping[str, Json]:
    return record if isinstance(record, dict) else {"value": record}


def _cell(value: Json) -> str | int | float:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case str():
            return _harmless(value)
        case _:
            return canonical(value)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
