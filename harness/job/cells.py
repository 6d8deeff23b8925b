"""Values that the manifest takes from cells of workbooks: for vars, prompts and standing instructions."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from harness.base.errors import Problem
from harness.base.sheet import MOST_CELLS, MOST_ROWS, Area, Sheet, area_of, letters, spread
from harness.base.workbook import SUFFIXES, WorkbookError
from harness.job.cell_words import Cell
from harness.job.checker import ManifestChecker
from harness.job.document import dotted
from harness.job.job import CellRead
from harness.job.pydantic_errors import problem_of
from harness.job.yaml_text import ValuePath

NOTHING: Final = object()
"""In place of a value that was complained about."""
_OPEN_AREA = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{0,7}):\$?([A-Z]{1,3})", re.IGNORECASE)


def is_cell(value: Any) -> bool:
    """Is this value of a var meant to come out of a workbook?"""
    return isinstance(value, dict) and "xlsx" in value


def var_of(checker: ManifestChecker, path: ValuePath, written: Mapping[str, Any]) -> Any:
    """The value of a var; `NOTHING` and problems where it has none."""
    try:
        cell = Cell.model_validate(written)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            details["loc"] = (*path, *details["loc"])
            checker.note(problem_of(details, checker.document).problem)
        return NOTHING
    return value_of(checker, path, cell)


def text_of(checker: ManifestChecker, path: ValuePath, cell: Cell) -> tuple[str, str] | None:
    """The text in a cell and the place that messages name; None and problems where there is none."""
    value = value_of(checker, path, cell)
    if value is NOTHING:
        return None
    place = checker.cells[-1].place
    if not isinstance(value, str):
        checker.complain(path, f"{place} holds {_brief(value)}, expected text")
        return None
    return value, place


def value_of(checker: ManifestChecker, path: ValuePath, cell: Cell) -> Any:
    """What the cell or the range holds; `NOTHING` and problems when it holds nothing and has no default."""
    file = checker.file((*path, "xlsx"), cell.xlsx)
    if file is None:
        return NOTHING
    if file.suffix.lower() not in SUFFIXES:
        expected = f"expected a file that ends with {' or '.join(SUFFIXES)}, got {file.name!r}"
        checker.complain((*path, "xlsx"), expected)
        return NOTHING
    name, mark, place = checker.fill((*path, "cell"), cell.cell).rpartition("!")
    try:
        sheet = checker.workbooks.sheet(file, _unquoted(name) if mark else None)
        area = area_of(place) or _open_area(place, sheet)
        if area is None:
            expected = "expected a cell or a range, such as Sheet!B2, Sheet!A1:C9 or Sheet!B:B"
            checker.complain((*path, "cell"), f"{expected}, got {cell.cell!r:.80}")
            return NOTHING
        found, where = _taken(checker, path, cell, sheet, area)
    except WorkbookError as error:
        for problem in error.problems:
            checker.complain(path, f"{problem.where} {problem.message}", problem.hint)
        return NOTHING
    if found is not NOTHING:
        checker.cells.append(CellRead(dotted(path), where, found))
    return found


def _taken(checker: ManifestChecker, path: ValuePath, cell: Cell, sheet: Sheet, area: Area) -> tuple[Any, str]:
    is_one = (area.top, area.left) == (area.bottom, area.right)
    place = sheet.place(area.top, area.left)
    place += "" if is_one else f":{letters(area.right)}{area.bottom}"
    rows = _block(sheet, area)
    while rows and all(value is None for value in rows[-1]):
        rows.pop()
    problems = [
        sheet.problems[row, column]
        for row, column in sorted(sheet.problems)
        if area.top <= row <= area.bottom and area.left <= column <= area.right
    ]
    if problems:
        raise WorkbookError(*problems[:20])
    if not rows or (is_one and isinstance(rows[0][0], str) and not rows[0][0].strip()):
        if "default" in cell.model_fields_set:
            return cell.default, place
        hint = "write something there, or a default: beside cell"
        checker.complain(path, f"{place} is empty", hint)
        return NOTHING, place
    if cell.json_:
        return _parsed(checker, path, rows, place, is_one=is_one), place
    if is_one:
        return rows[0][0], place
    if area.left == area.right:
        return [row[0] for row in rows], place
    return rows[0] if area.top == area.bottom else rows, place


def _parsed(checker: ManifestChecker, path: ValuePath, rows: list[list[Any]], place: str, *, is_one: bool) -> Any:
    value = rows[0][0]
    if not is_one:
        checker.complain((*path, "json"), "is for one cell, not for a range", of_key=True)
        return NOTHING
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        checker.complain(path, f"{place} is not JSON: {error}")
        return NOTHING


def _block(sheet: Sheet, area: Area) -> list[list[Any]]:
    """The values of the area, row by row down to the last one of the sheet that has any; merged cells show theirs."""
    last = min(area.bottom, max([*sheet.rows, *(each.bottom for each in sheet.merged)], default=0))
    width = area.right - area.left + 1
    if (last - area.top + 1) * width > MOST_CELLS:
        raise WorkbookError(Problem(sheet.where, f"the range has more than {MOST_CELLS:,} cells"))
    merged = spread(sheet, Area(area.top, area.left, last, area.right), across=True)
    columns = range(area.left, area.right + 1)
    return [
        [merged.get((row, column), sheet.at(row, column)) for column in columns] for row in range(area.top, last + 1)
    ]


def _open_area(text: str, sheet: Sheet) -> Area | None:
    """`B:B`, `B2:C`: down to the last row of the sheet."""
    match = _OPEN_AREA.fullmatch(text.strip())
    if match is None:
        return None
    last = max(sheet.rows, default=1)
    top = min(int(match[2] or 1), MOST_ROWS)
    return area_of(f"{match[1]}{top or 1}:{match[3]}{max(last, top)}")


def _unquoted(name: str) -> str:
    """`'Batch Composer Inputs'` as a formula writes it, or the name as it is."""
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == "'":
        return name[1:-1].replace("''", "'")
    return name


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number in JSON")


def _brief(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case list():
            return "several cells"
        case _:
            return "no text"
