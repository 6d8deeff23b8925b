"""The cells of one sheet as plain JSON values, with their places; formulas count by the values they had when saved."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.base.errors import Problem
from harness.base.workbook import SheetPart, Workbook, WorkbookError, in_words, open_workbook, walk

if TYPE_CHECKING:
    from openpyxl.cell.read_only import ReadOnlyCell

MOST_CELLS: Final = 2_000_000
"""That have a value, and of the block around them."""
MOST_ROWS: Final = 1_048_576
MOST_COLUMNS: Final = 16_384
_MOST_MERGED: Final = 200_000
_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6})")
_EXACT_WHOLE = 2**53


@dataclass(frozen=True, slots=True)
class Area:
    """A block of cells; rows and columns count from 1, both ends are in it."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a sheet holds. A cell without anything in it is None; dates and times are ISO texts."""

    where: str
    """`leads.xlsx:Leads`"""
    rows: Mapping[int, Sequence[Any]]
    """Number of a row -> its values from column A on; rows without any are left out, as are empty cells at the end."""
    problems: Mapping[tuple[int, int], Problem]
    """(row, column) of cells whose value cannot be used."""
    merged: Sequence[Area]
    hidden_rows: frozenset[int]
    formulas: int
    """How many cells have one."""

    def at(self, row: int, column: int) -> Any:
        """The value of a cell."""
        cells = self.rows.get(row, ())
        return cells[column - 1] if column <= len(cells) else None

    def place(self, row: int, column: int) -> str:
        """`leads.xlsx:Leads!B7`"""
        return f"{self.where}!{letters(column)}{row}"


class Workbooks:
    """Workbooks that are read once, and the sheets of them that were asked for."""

    def __init__(self) -> None:
        self._books: dict[Path, Workbook | WorkbookError] = {}
        self._sheets: dict[tuple[Path, str], Sheet] = {}

    def sheet(self, path: Path, name: str | None) -> Sheet:
        """As `Workbook.find` and `read_sheet` give it. WorkbookError."""
        if path not in self._books:
            try:
                self._books[path] = open_workbook(path)
            except WorkbookError as error:
                self._books[path] = error
        book = self._books[path]
        if isinstance(book, WorkbookError):
            raise book
        part = book.find(name)
        if (path, part.part) not in self._sheets:
            self._sheets[path, part.part] = read_sheet(book, part)
        return self._sheets[path, part.part]


def letters(column: int) -> str:
    """1 -> `A`, 27 -> `AA`."""
    text = ""
    while column:
        column, left = divmod(column - 1, 26)
        text = chr(65 + left) + text
    return text


def cell_of(text: str) -> tuple[int, int] | None:
    """`B7` -> (7, 2), row and column from 1; None for what is no cell."""
    match = _CELL.fullmatch(text.strip())
    if match is None:
        return None
    column = 0
    for letter in match[1].upper():
        column = column * 26 + ord(letter) - 64
    row = int(match[2])
    return (row, column) if row <= MOST_ROWS and column <= MOST_COLUMNS else None


def area_of(text: str) -> Area | None:
    """`A1:C9` -> its cells, `B7` -> that one; None for anything else."""
    first, colon, last = text.partition(":")
    one, other = cell_of(first), cell_of(last if colon else first)
    if one is None or other is None:
        return None
    return Area(min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1]))


def spread(sheet: Sheet, within: Area, *, across: bool) -> dict[tuple[int, int], Any]:
    """(row, column) -> what merged cells show there, as far as it is the value of another cell: that of the first one
    of the merge, for all rows of it; with `across` for all its columns, too. WorkbookError for too many."""
    found: dict[tuple[int, int], Any] = {}
    for area in sheet.merged:
        value = sheet.at(area.top, area.left)
        if value is None:
            continue
        right = min(area.right, within.right) if across else area.left
        for row in range(max(area.top, within.top), min(area.bottom, within.bottom) + 1):
            for column in range(max(area.left, within.left), right + 1):
                if (row, column) != (area.top, area.left):
                    found[row, column] = value
            if len(found) > MOST_CELLS:
                raise WorkbookError(Problem(sheet.where, f"has more than {MOST_CELLS:,} merged cells"))
    return found


def read_sheet(book: Workbook, part: SheetPart) -> Sheet:
    """All cells of a sheet; what is wrong with single ones is among its `problems`. WorkbookError when it is too large
    or damaged."""
    where = f"{book.name}:{part.name}"
    with in_words(book.name):
        outline = _outline(book, part, where)
        rows, problems = _values(book, part, outline, where)
    for row, column in outline.unsaved:
        message = "has a formula and no value: the program that saved the workbook does not calculate"
        hint = "open it in Excel or LibreOffice and save it"
        problems[row, column] = Problem(f"{where}!{letters(column)}{row}", message, hint)
    return Sheet(where, rows, problems, outline.merged, frozenset(outline.hidden), outline.formulas)


@dataclass(slots=True)
class _Outline:
    """What a look at the XML gives that openpyxl does not tell when it reads row by row."""

    width: int = 0
    """The last column with a value."""
    cells: int = 0
    formulas: int = 0
    unsaved: list[tuple[int, int]] = field(default_factory=list)
    merged: list[Area] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)


class _Looking:
    """Handlers of expat that fill an outline."""

    def __init__(self, where: str) -> None:
        self.outline = _Outline()
        self._where = where
        self._row = self._column = 0
        self._kind = ""
        self._has_formula = self._has_value = self._is_inside = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        match tag.rpartition("}")[2]:
            case "c":
                self._start_cell(attributes)
            case "row":
                before, self._row = self._row, int(float(attributes.get("r", self._row + 1)))
                self._column = 0
                if self._row <= before:
                    raise WorkbookError(Problem(self._where, "its rows are not in order", "save it in Excel"))
                if attributes.get("hidden") in ("1", "true"):
                    self.outline.hidden.add(self._row)
                self._must_fit(self._row <= MOST_ROWS)
            case "f":
                self._has_formula = True
            case "v" | "t":
                self._is_inside = True
            case "mergeCell" if area := area_of(attributes.get("ref", "")):
                self.outline.merged.append(area)
                self._must_fit(len(self.outline.merged) <= _MOST_MERGED)

    def text(self, text: str) -> None:
        self._has_value = self._has_value or (self._is_inside and bool(text))

    def end(self, tag: str) -> None:
        match tag.rpartition("}")[2]:
            case "v" | "t":
                self._is_inside = False
            case "c":
                self._end_cell()

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        place = cell_of(attributes["r"]) if "r" in attributes else (self._row, self._column + 1)
        self._must_fit(place is not None and place[1] <= MOST_COLUMNS)
        self._row, self._column = place or (0, 0)
        self._kind = attributes.get("t", "n")
        self._has_formula = self._has_value = False

    def _end_cell(self) -> None:
        outline = self.outline
        if self._has_formula:
            outline.formulas += 1
            if not self._has_value and self._kind != "str":
                outline.unsaved.append((self._row, self._column))
        if self._has_value or self._has_formula:
            outline.cells += 1
            outline.width = max(outline.width, self._column)
        self._must_fit(outline.cells <= MOST_CELLS)

    def _must_fit(self, is_so: bool) -> None:
        if not is_so:
            most = f"{MOST_ROWS:,} rows, {MOST_COLUMNS:,} columns and {MOST_CELLS:,} cells with a value"
            raise WorkbookError(Problem(self._where, f"is larger than {most}, the most that is read of a sheet"))


def _outline(book: Workbook, part: SheetPart, where: str) -> _Outline:
    looking = _Looking(where)
    handlers: Mapping[str, Callable[..., Any]] = {
        "StartElementHandler": looking.start,
        "EndElementHandler": looking.end,
        "CharacterDataHandler": looking.text,
    }
    walk(book.archive, part.part, handlers)
    return looking.outline


def _values(
    book: Workbook, part: SheetPart, outline: _Outline, where: str
) -> tuple[dict[int, list[Any]], dict[tuple[int, int], Problem]]:
    rows: dict[int, list[Any]] = {}
    problems: dict[tuple[int, int], Problem] = {}
    area = 0
    for cells in _rows(book, part, outline.width):
        values: list[Any] = []
        row = 0
        for cell in cells:
            if (value := cell.value) is None:
                continue
            row, column = cell.row, cell.column
            if cell.data_type == "e":
                hint = "correct it in Excel or LibreOffice, or clear the cell"
                problems[row, column] = Problem(f"{where}!{letters(column)}{row}", f"holds the error {value}", hint)
            values += [None] * (column - len(values))
            values[column - 1] = _plain(value, cell)
        if values:
            rows[row] = values
            area += len(values)
        if area > 2 * MOST_CELLS:
            raise WorkbookError(Problem(where, f"takes more than {2 * MOST_CELLS:,} cells, most of them empty"))
    return rows, problems


def _rows(book: Workbook, part: SheetPart, width: int) -> "Iterator[Sequence[ReadOnlyCell]]":
    """Row by row; what openpyxl has to say of parts that it passes over is nobody's business here."""
    import io

    import openpyxl

    if not width:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = openpyxl.load_workbook(io.BytesIO(book.content), read_only=True, data_only=True, keep_links=False)
        try:
            sheet = opened[part.name]
            sheet.reset_dimensions()  # what a file says of its size need not be so
            yield from sheet.iter_rows(max_col=width)
        finally:
            opened.close()


def _plain(value: Any, cell: "ReadOnlyCell") -> Any:
    match value:
        case bool() | int():
            return value
        case str():
            return value.replace("_x000D_", "").replace("\r\n", "\n").replace("_x005F_", "_")
        case float():
            return int(value) if value.is_integer() and abs(value) <= _EXACT_WHOLE else value
        case datetime():
            is_day = value.time() == time() and not _shows_hours(cell)
            return value.date().isoformat() if is_day else _clock(value)
        case timedelta():
            seconds = round(value.total_seconds())
            return f"{'-' * (seconds < 0)}{abs(seconds) // 3600:02}:{abs(seconds) // 60 % 60:02}:{abs(seconds) % 60:02}"
        case time():
            return _clock(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _clock(value: datetime | time) -> str:
    return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")


def _shows_hours(cell: "ReadOnlyCell") -> bool:
    from openpyxl.styles.numbers import is_datetime

    return bool(is_datetime(cell.number_format) == "datetime")
