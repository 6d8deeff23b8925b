"""Items out of a sheet of a workbook: one row is one item, its cells under the names in the header."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.base.errors import Problem
from harness.base.paths import steps_of
from harness.base.sheet import Area, Sheet, letters, read_sheet, spread
from harness.base.workbook import Workbook, WorkbookError, open_workbook
from harness.core.types import Json
from harness.sources.rows import MOST_ITEMS, Rows, SourceError, too_many
from harness.sources.table import item_like

_MOST_PROBLEMS = 20
_FIRST_ROWS: Final = 50
"""Among so many rows with something in them the header is looked for."""


@dataclass(frozen=True, slots=True)
class SheetSource:
    """Which sheet, and how it is read. Without a name it is the only one, without `header` the row is found."""

    file: Path
    sheet: str | None = None
    header: int | None = None
    columns: tuple[str, ...] = ()
    """The names of the columns of a sheet without a header."""
    key: str = ".id"
    """Path of the id: its column is the one that messages name."""
    without: frozenset[str] = frozenset()
    """Columns that are no part of a row, such as those that results are written into."""


@dataclass(slots=True)
class SheetTable:
    """A sheet as a table: `values[i]` is the row of number `numbers[i]`."""

    source: SheetSource
    book: Workbook
    sheet: Sheet
    header: int
    """Its row; 0 where the sheet has none."""
    columns: Sequence[str] = ()
    """From column A on; "" for one without a name."""
    merged: dict[tuple[int, int], Any] = field(default_factory=dict)
    values: list[Json] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def at(self, row: int, column: int) -> Any:
        return self.merged.get((row, column), self.sheet.at(row, column))


def rows_of_sheet(source: SheetSource) -> Rows:
    """One row a line below the header, every column in it, without a value as null. SourceError with all problems."""
    table = table_of_sheet(source)
    steps = steps_of(source.key) or ()
    named = list(table.columns)
    column = named.index(str(steps[0])) + 1 if steps and str(steps[0]) in named else 1
    return Rows(
        table.values,
        lambda index: table.sheet.place(table.numbers[index], column),
        warnings=tuple(_warnings(table)),
        mark="",
        item_like="" if source.columns else item_like([name for name in named if name]),
    )


def table_of_sheet(source: SheetSource) -> SheetTable:
    """The same with the workbook and the numbers of rows, for who writes into it."""
    try:
        table = _read(source)
    except WorkbookError as error:
        raise SourceError(*error.problems) from None
    if len(table.values) > MOST_ITEMS:
        too_many(source.file)
    if problems := table.problems:
        left = len(problems) - _MOST_PROBLEMS
        rest = [Problem(table.sheet.where, f"and {left:,} more cells like these")] if left > 0 else []
        raise SourceError(*problems[:_MOST_PROBLEMS], *rest)
    return table


def _read(source: SheetSource) -> SheetTable:
    book = open_workbook(source.file)
    sheet = read_sheet(book, book.find(source.sheet))
    header = 0 if source.columns else source.header or _header_of(sheet)
    table = SheetTable(source, book, sheet, header)
    width = max(map(len, sheet.rows.values()), default=0)
    table.merged = spread(sheet, Area(max(header, 1), 1, max(sheet.rows, default=0), width), across=False)
    table.columns = source.columns or _columns(table, width)
    if not table.problems:
        _take_rows(table)
    return table


def _header_of(sheet: Sheet) -> int:
    """The first row that is more than half as wide as the widest: titles and notes above a table are narrower."""
    filled = {}
    for row, cells in sheet.rows.items():
        if count := sum(not _is_blank(cell) for cell in cells):
            filled[row] = count
        if len(filled) == _FIRST_ROWS:
            break
    if not filled:
        raise WorkbookError(Problem(sheet.where, "has nothing in any cell"))
    widest = max(filled.values())
    return next(row for row, count in filled.items() if 2 * count > widest)


def _columns(table: SheetTable, width: int) -> list[str]:
    """The names in the header, without the white space around them; "" for a column without one."""
    row = table.header
    names: list[str] = []
    for column in range(1, width + 1):
        if (row, column) in table.sheet.problems:
            table.problems.append(table.sheet.problems[row, column])
        value = table.at(row, column)
        name = "" if value is None else " ".join(_in_text(value).split())
        if name and name in names:
            first = letters(names.index(name) + 1)
            hint = "give each a name of its own, or name the row of the header: header: N under items"
            message = f"columns {first} and {letters(column)} are both called {name!r:.80}"
            table.problems.append(Problem(table.sheet.place(row, column), message, hint))
        names.append(name)
    if not any(names):
        hint = "write header: with the number of the row that names the columns"
        table.problems.append(Problem(f"{table.sheet.where}!{row}", "holds no names of columns", hint))
    return names


def _take_rows(table: SheetTable) -> None:
    columns, problems = table.columns, table.sheet.problems
    nameless: set[int] = set()
    for row, cells in table.sheet.rows.items():
        if row <= table.header or all(map(_is_blank, cells)):
            continue
        width = max(len(columns), len(cells))
        values = [table.at(row, column) for column in range(1, width + 1)]
        if len(columns) > 1 and [" ".join(_in_text(value).split()) for value in values] == list(columns):
            table.repeated.append(row)
            continue
        for column, value in enumerate(values, 1):
            name = columns[column - 1] if column <= len(columns) else ""
            if name in table.source.without and name:
                continue
            if name and (row, column) in problems:
                table.problems.append(problems[row, column])
            if not name and not _is_blank(value) and column not in nameless:
                nameless.add(column)
                table.problems.append(_of_no_column(table, row, column))
        named = zip(columns, values, strict=False)
        table.values.append({name: value for name, value in named if name and name not in table.source.without})
        table.numbers.append(row)


def _of_no_column(table: SheetTable, row: int, column: int) -> Problem:
    where = f"in row {table.header}" if table.header else "among items: columns"
    message = f"has a value, and column {letters(column)} has no name {where}"
    hint = "write a name there, clear the column, or name the row of the header: header: N under items"
    return Problem(table.sheet.place(row, column), message, hint)


def _warnings(table: SheetTable) -> Iterator[str]:
    sheet, numbers, header = table.sheet, table.numbers, table.header
    first = min(sheet.rows, default=0)
    if header and table.source.header is None and header != first:
        yield f"{sheet.where}!{header}: was taken for the header; to name another row, write header: N under items"
    if header and (cell := item_like([name for name in table.columns if name])):
        yield (
            f"{sheet.where}!{header}: {cell!r:.80} was taken for the name of a column; if the sheet has no header, "
            "write the names under items: columns: [...]"
        )
    if table.repeated:
        many = _rows(len(table.repeated), "repeats", "repeat")
        yield f"{sheet.where}!{table.repeated[0]}: {many} the header; left out"
    if numbers and (empty := numbers[-1] - header - len(numbers) - len(table.repeated)) > 0:
        yield f"{sheet.where}: {_rows(empty, 'has', 'have')} nothing in any cell; left out"
    if hidden := sorted(sheet.hidden_rows.intersection(numbers)):
        many = _rows(len(hidden), "is hidden and was", "are hidden and were")
        yield f"{sheet.where}!{hidden[0]}: {many} read like the others; `rows` can leave rows out"
    filled = [place for place in table.merged if place[0] > header]
    if filled:
        row, column = min(filled)
        cells = "1 merged cell takes" if len(filled) == 1 else f"{len(filled):,} merged cells take"
        yield f"{sheet.place(row, column)}: {cells} the value of the first row of the merge"
    if sheet.formulas and not table.book.is_calculated:
        yield f"{sheet.where}: its formulas may have old values; open it in Excel or LibreOffice and save it"


def _rows(count: int, one: str, several: str) -> str:
    return f"1 row {one}" if count == 1 else f"{count:,} rows {several}"


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _in_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
