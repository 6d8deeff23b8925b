"""The report as a workbook; text stays text, whatever it looks like."""

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from harness.base.sheet_edit import cut_to_cell
from harness.views.report_tables import CellValue, Table

if TYPE_CHECKING:
    from xlsxwriter import Workbook

_MOST_ROWS = 1_048_575
_MOST_WIDTH = 60


def as_workbook(summary: Sequence[tuple[str, CellValue]], tables: Iterable[Table]) -> bytes:
    """An .xlsx file: a sheet `summary` of names and values, then one sheet per table, filtered and frozen."""
    import xlsxwriter

    out = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    book = xlsxwriter.Workbook(out, {**options, "nan_inf_to_errors": True})
    _sheet(book, Table("summary", ("what", "value"), summary))
    for table in tables:
        _sheet(book, table)
    book.close()
    return out.getvalue()


def _sheet(book: "Workbook", table: Table) -> None:
    sheet = book.add_worksheet(table.name)
    bold = book.add_format({"bold": True})
    widths = [len(column) + 2 for column in table.columns]
    for column, name in enumerate(table.columns):
        sheet.write_string(0, column, name, bold)
    last = 0
    for last, row in enumerate(table.rows, 1):
        if last > _MOST_ROWS:
            sheet.write_string(_MOST_ROWS, 0, "cut: a sheet cannot hold more rows; the CSV file has all")
            break
        for column, cell in enumerate(row):
            _write(sheet, last, column, cell)
            widths[column] = min(_MOST_WIDTH, max(widths[column], len(str(cell or "")) + 1))
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, min(last, _MOST_ROWS)), len(table.columns) - 1)


def _write(sheet: Any, row: int, column: int, cell: CellValue) -> None:
    if isinstance(cell, str):
        sheet.write_string(row, column, cut_to_cell(cell))
    elif cell is not None:
        sheet.write_number(row, column, cell)
