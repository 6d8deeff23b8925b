"""The files of a master report: CSV, and a workbook whose first sheet is the warm leads.

    output/master_report_<date>.csv     all rows
    output/master_report_<date>.xlsx    Warm leads (the YES rows), Summary, Master, and a sheet per territory

What a session wrote is text and stays text: no cell becomes a formula, a number or a link.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIRST_COLUMNS = (
    *("School Searched", "State", "County", "Territory", "Conference"),
    *("Coach Name", "Current Position"),
)
LAST_COLUMNS = ("NMDP Overlap", "Overlap Details", "Data Quality", "Notes")
CAREER = "Career "
"""and a number: columns of the steps of a career, as many as the longest has."""

EXCEL_CELL = 32_767
"""Most UTF-16 units that Excel takes in one cell; XlsxWriter drops a longer text."""
CUT = " … [cut, whole in the CSV]"
OTHER = "Other"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The four figures; `most` are the schools with the most overlaps, all of them if several share the first place."""

    schools: int
    coaches: int
    overlaps: int
    most: tuple[str, ...]


def statistics_of(schools: Mapping[str, Sequence[Row]]) -> Statistics:
    """Of the rows of each school that has a report."""
    overlaps = {name: sum(row.get("NMDP Overlap") == "YES" for row in rows) for name, rows in schools.items()}
    highest = max(overlaps.values(), default=0)
    return Statistics(
        schools=len(schools),
        coaches=sum(map(len, schools.values())),
        overlaps=sum(overlaps.values()),
        most=tuple(name for name, count in overlaps.items() if count == highest and highest),
    )


def labelled(figures: Statistics) -> list[tuple[str, str | int]]:
    return [
        ("Total schools processed", figures.schools),
        ("Total coaches researched", figures.coaches),
        ("Total NMDP overlaps found", figures.overlaps),
        ("Schools with most overlaps", ", ".join(figures.most) or "none"),
    ]


@dataclass(frozen=True, slots=True)
class Geography:
    """Where schools are: official name -> county, and state -> territory. Unknown ones have none."""

    counties: Mapping[str, str]
    territories: Mapping[str, str]

    @classmethod
    def read(cls, data: Path) -> "Geography":
        """From `school_locations.json` and `territories.json` of a folder; each may be missing."""
        places = _read(data / "school_locations.json")
        states = _read(data / "territories.json")
        return cls(
            {name: place["county"] for name, place in places.items()},
            {state: territory for territory, of_it in states.items() for state in of_it},
        )

    def of(self, school: str, state: str) -> dict[str, str]:
        return {"County": self.counties.get(school, ""), "Territory": self.territories.get(state, OTHER)}


def _read(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {name: value for name, value in found.items() if not name.startswith("_")}


def columns_of(rows: Sequence[Row]) -> list[str]:
    """The columns of a report, with as many career steps as the longest career in `rows` has."""
    careers = [number_of(column) for row in rows for column, text in row.items() if text and number_of(column)]
    return [*FIRST_COLUMNS, *(f"{CAREER}{n}" for n in range(1, max(careers, default=0) + 1)), *LAST_COLUMNS]


def number_of(column: str) -> int:
    """Of a career's column, from 1; 0 for any other."""
    number = column.removeprefix(CAREER)
    return int(number) if column != number and number.isdecimal() else 0


def clean(text: str) -> str:
    """Without NUL and other characters that neither CSV readers nor XML take, and without halves of surrogate pairs."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join("\ufffd" if (ord(c) < 32 and c not in "\t\n\r") or c in "\ufffe\uffff" else c for c in text)


def csv_of(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    """UTF-8 with a BOM, because without one Excel garbles José and Hawaiʻi."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([_harmless(row.get(column, "")) for column in columns] for row in rows)
    return file.getvalue().encode("utf-8-sig")


def _harmless(text: str) -> str:
    """A spreadsheet would run a cell that begins like a formula; a quote in front makes it text."""
    return f"'{text}" if text[:1] in _FORMULA else text


def as_written(text: str) -> str:
    """What `_harmless` was given."""
    return text[1:] if text[:1] == "'" and text[1:2] in _FORMULA and text[1:] else text


Lines = Sequence[tuple[str, str | int]]
"""Of the summary: a name and a value each."""


def workbook_of(summary: Lines, columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    """The workbook; rows keep their order in every sheet."""
    import xlsxwriter

    file = io.BytesIO()
    texts_only = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, {"in_memory": True, **texts_only}) as book:
        bold = book.add_format({"bold": True})
        warm = [row for row in rows if row.get("NMDP Overlap") == "YES"]
        _sheet(book.add_worksheet("Warm leads"), bold, columns, warm)
        _summary(book.add_worksheet("Summary"), bold, summary)
        _sheet(book.add_worksheet("Master"), bold, columns, rows)
        territories: dict[str, list[Row]] = {}
        for row in rows:
            territories.setdefault(sheet_name(row.get("Territory", "")), []).append(row)
        for name, some in sorted(territories.items()):
            _sheet(book.add_worksheet(name), bold, columns, some)
    return file.getvalue()


_TAKEN = ("warm leads", "summary", "master", "history")
"""Names of other sheets, and one that Excel keeps for itself."""


def sheet_name(territory: str) -> str:
    """A name that every spreadsheet takes, and no other sheet has: at most 31 characters, without []:*?/\\."""
    name = "".join("-" if char in "[]:*?/\\" else char for char in clean(territory)).strip(" '")[:31].strip(" '")
    return OTHER if not name or name.lower() in _TAKEN else name


def _summary(sheet: Any, bold: Any, lines: Lines) -> None:
    sheet.set_column(0, 1, 40)
    for at, (name, value) in enumerate(lines):
        sheet.write_string(at, 0, _fitting(name), bold)
        sheet.write(at, 1, value if isinstance(value, int) else _fitting(value))


def _sheet(sheet: Any, bold: Any, columns: Sequence[str], rows: Sequence[Row]) -> None:
    sheet.set_column(0, len(columns) - 1, 24)
    sheet.freeze_panes(1, 0)
    for across, column in enumerate(columns):
        sheet.write_string(0, across, column, bold)
    for down, row in enumerate(rows, 1):
        for across, column in enumerate(columns):
            sheet.write_string(down, across, _fitting(row.get(column, "")))


def _fitting(text: str) -> str:
    units = clean(text).encode("utf-16-le")
    if len(units) <= 2 * EXCEL_CELL:
        return units.decode("utf-16-le")
    return units[: 2 * (EXCEL_CELL - len(CUT))].decode("utf-16-le", "ignore") + CUT
