"""Per-school CSV files of any folder, read and checked, to be combined into one master report."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from report_files import (
    CAREER,
    FIRST_COLUMNS,
    LAST_COLUMNS,
    Geography,
    Row,
    as_written,
    clean,
    columns_of,
    csv_of,
    labelled,
    number_of,
    statistics_of,
    workbook_of,
)

from harness.base.errors import Problem, UsageError
from harness.base.files import make_folder, write_atomic

NEEDED = ("School Searched", "Coach Name", "NMDP Overlap")
"""Columns that every file must have; others may be missing, and none may be unknown."""

_DATED = re.compile(r"(?P<school>.*)_(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})", re.DOTALL)
_MOST_BYTES = 64 * 2**20
_MOST_CELL = 1_000_000


@dataclass(frozen=True, slots=True)
class Table:
    """One file: the school that it is about, and its rows."""

    file: Path
    school: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Combined:
    """The newest file of each school, in the order of the schools; `older` were left out."""

    tables: tuple[Table, ...]
    older: tuple[Path, ...]


def read_tables(folder: Path, geography: Geography) -> Combined:
    """Every CSV of the folder. UsageError with all that is wrong, by file and line, or when there is none."""
    files = sorted(file for file in folder.glob("*.csv") if file.is_file()) if folder.is_dir() else []
    if not files:
        hint = "`cd scripts && python3 generate_master_report.py` writes those of the job into output/schools"
        raise UsageError([Problem(str(folder), "has no CSV files of schools", hint)])
    problems: list[Problem] = []
    tables = [table for file in files if (table := _table(file, geography, problems)) is not None]
    if problems:
        raise UsageError(problems)
    newest: dict[str, Table] = {}
    for table in sorted(tables, key=lambda table: (_day(table.file), table.file.name)):
        newest[table.school.casefold()] = table
    kept = tuple(sorted(newest.values(), key=lambda table: table.school.casefold()))
    return Combined(kept, tuple(table.file for table in tables if table not in kept))


def write_combined(name: str, combined: Combined, output: Path, today: date) -> tuple[list[Path], list[str]]:
    """The master CSV and the workbook, each whole or not at all, and the statistics in words."""
    by_school = {table.school: table.rows for table in combined.tables}
    rows = [row for some in by_school.values() for row in some]
    columns, figures = columns_of(rows), labelled(statistics_of(by_school))
    master = make_folder(output) / f"master_report_{today}"
    files = {
        master.with_suffix(".csv"): csv_of(columns, rows),
        master.with_suffix(".xlsx"): workbook_of([("Batch", name), *figures], columns, rows),
    }
    for path, content in files.items():
        write_atomic(path, content)
    return list(files), [f"{name}: {figure}" for name, figure in figures]


def _day(file: Path) -> str:
    found = _DATED.fullmatch(file.stem)
    return found["day"] if found else ""


def _table(file: Path, geography: Geography, problems: list[Problem]) -> Table | None:
    """None, and its problems noted, when it is no table of a school."""
    before = len(problems)
    text = _text(file, problems)
    if text is None:
        return None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    csv.field_size_limit(_MOST_CELL)
    rows: list[Row] = []
    try:
        header = next(reader, [])
        problems += _of_header(file, header)
        if len(problems) == before:
            rows = [row for row in _rows(file, header, reader, problems)]  # noqa: C416  (up to where it breaks)
    except csv.Error as error:
        problems.append(Problem(f"{file}:{reader.line_num}", f"is not valid CSV: {error}"))
    if len(problems) > before:
        return None
    schools = {row["School Searched"]: None for row in rows}
    if len({school.casefold() for school in schools}) > 1:
        problems.append(Problem(str(file), f"is about several schools: {', '.join(list(schools)[:5])}"))
        return None
    named = _DATED.fullmatch(file.stem)
    school = next(iter(schools), named["school"] if named else file.stem)
    return Table(file, school, tuple({**geography.of(school, row.get("State", "")), **_told(row)} for row in rows))


def _told(row: Row) -> Row:
    return {column: text for column, text in row.items() if text}


def _text(file: Path, problems: list[Problem]) -> str | None:
    if file.stat().st_size > _MOST_BYTES:
        problems.append(Problem(str(file), f"is larger than {_MOST_BYTES // 2**20} MiB"))
        return None
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.append(Problem(f"{file}:{line}", "is not UTF-8", "save it as CSV UTF-8"))
        return None


def _of_header(file: Path, header: Sequence[str]) -> Iterator[Problem]:
    where = f"{file}:1"
    known = {*FIRST_COLUMNS, *LAST_COLUMNS}
    missing = [column for column in NEEDED if column not in header]
    unknown = [column for column in header if column not in known and not number_of(column)]
    twice = sorted({column for column in header if header.count(column) > 1})
    if missing:
        yield Problem(where, f"expected the column {' and '.join(map(repr, missing))}")
    if unknown and not missing:
        hint = f"known are {', '.join([*FIRST_COLUMNS, CAREER + '1, ...', *LAST_COLUMNS])}"
        yield Problem(where, f"no such column: {', '.join(map(repr, unknown))}", hint)
    if twice:
        yield Problem(where, f"the column {' and '.join(map(repr, twice))} is there twice")


def _rows(file: Path, header: Sequence[str], reader: Iterator[list[str]], problems: list[Problem]) -> Iterator[Row]:
    line = 2
    for cells in reader:
        where, line = f"{file}:{line}", getattr(reader, "line_num", line) + 1
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            problems.append(Problem(where, f"expected {len(header)} cells, got {len(cells)}"))
            continue
        row = {column: clean(as_written(cell)) for column, cell in zip(header, cells, strict=True)}
        if row["NMDP Overlap"].strip().upper() not in ("YES", "NO"):
            problems.append(Problem(where, f"NMDP Overlap: expected YES or NO, got {row['NMDP Overlap']!r:.60}"))
        if not row["School Searched"].strip() or not row["Coach Name"].strip():
            problems.append(Problem(where, "names no school, or no coach"))
        yield {**row, "NMDP Overlap": row["NMDP Overlap"].strip().upper()}
