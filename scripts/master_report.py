"""The master report of the schools job: one CSV per school, one for all, and a workbook with the four statistics.

    output/schools/<school>_<date>.csv     the coaches of one school, one row each
    output/master_report_<date>.csv        all of them, in the order of the list
    output/master_report_<date>.xlsx       Summary, Master, and a sheet per state

What a session wrote is text and stays text: no cell becomes a formula, a number or a link.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from harness.base.files import make_folder, write_atomic
from harness.core.names import safe_name

FIRST_COLUMNS = ("School Searched", "State", "Conference", "Coach Name", "Current Position")
LAST_COLUMNS = ("NMDP Overlap", "Overlap Details", "Data Quality", "Notes")
EXCEL_CELL = 32_767
"""Most UTF-16 units that Excel takes in one cell; XlsxWriter drops a longer text."""
CUT = " … [cut, whole in the CSV]"

Row = Mapping[str, str]
School = Mapping[str, Any]
Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Leads:
    """All that the report is made of. `missing`: school without a report -> why."""

    batch_name: str
    schools: Sequence[School]
    reports: Mapping[str, Report]
    missing: Mapping[str, str]
    drives: str
    """What the table of donor drives says about itself."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """The four figures; `most` are the schools with the most overlaps, all of them if several share the first place."""

    schools: int
    coaches: int
    overlaps: int
    most: tuple[str, ...]


def read_leads(
    batch_name: str, schools: Sequence[School], merged: Path, reasons: Mapping[str, str], drives: Path
) -> Leads:
    """The merged reports, joined to `schools` by name. `reasons`: school -> why it has no report, as far as known."""
    found = json.loads(merged.read_text(encoding="utf-8")) if merged.exists() else []
    reports = {report["school"]: report for report in found}
    names = [school["name"] for school in schools]
    missing = {name: reasons.get(name, "not done yet") for name in names if name not in reports}
    about_drives = json.loads(drives.read_text(encoding="utf-8")).get("_comment", "")
    return Leads(batch_name, schools, reports, missing, about_drives)


def statistics(leads: Leads) -> Statistics:
    claims = {name: [coach["nmdp_overlap"] for coach in report["coaches"]] for name, report in leads.reports.items()}
    overlaps = {name: found.count("YES") for name, found in claims.items()}
    highest = max(overlaps.values(), default=0)
    return Statistics(
        schools=len(leads.reports),
        coaches=sum(map(len, claims.values())),
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


def write_reports(leads: Leads, output: Path, today: date) -> list[Path]:
    """Write all files below `output`, each whole or not at all; returns the master CSV and the workbook first."""
    columns = _columns(leads)
    rows = {school["name"]: _rows(school, leads.reports.get(school["name"])) for school in leads.schools}
    folder = make_folder(output / "schools")
    master = output / f"master_report_{today}"
    files = {
        master.with_suffix(".csv"): _csv(columns, [row for some in rows.values() for row in some]),
        master.with_suffix(".xlsx"): _workbook(leads, columns, rows),
    }
    for name, some in rows.items():
        if name in leads.reports:
            files[folder / f"{safe_name(name)}_{today}.csv"] = _csv(columns, some)
    for path, content in files.items():
        write_atomic(path, content)
    return list(files)


def _columns(leads: Leads) -> list[str]:
    coaches = [coach for report in leads.reports.values() for coach in report["coaches"]]
    longest = max((len(coach["career"]) for coach in coaches), default=0)
    return [*FIRST_COLUMNS, *(f"Career {n}" for n in range(1, longest + 1)), *LAST_COLUMNS]


def _rows(school: School, report: Report | None) -> list[Row]:
    return [_row(school, coach, report["notes"]) for coach in report["coaches"]] if report else []


def _row(school: School, coach: Mapping[str, Any], notes: str) -> Row:
    place = (school.get("state") or "", school.get("conference") or "")
    whose = (school["name"], *place, coach["name"], coach["position"])
    found = (coach["nmdp_overlap"], coach["overlap_details"], coach["data_quality"], notes)
    career = [(f"Career {n}", _step(step)) for n, step in enumerate(coach["career"], 1)]
    cells = [*zip(FIRST_COLUMNS, whose, strict=True), *career, *zip(LAST_COLUMNS, found, strict=True)]
    return {column: _clean(str(text)) for column, text in cells}


def _step(step: Mapping[str, str]) -> str:
    source = f" <{step['source_url']}>" if "source_url" in step else ""
    return f"{step['years']} {step['school']}, {step['position']}{source}"


def _clean(text: str) -> str:
    """Without NUL and other characters that neither CSV readers nor XML take, and without halves of surrogate pairs."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join("\ufffd" if (ord(c) < 32 and c not in "\t\n\r") or c in "\ufffe\uffff" else c for c in text)


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    """UTF-8 with a BOM, because without one Excel garbles José and Hawaiʻi."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([_harmless(row.get(column, "")) for column in columns] for row in rows)
    return file.getvalue().encode("utf-8-sig")


def _harmless(text: str) -> str:
    """A spreadsheet would run a cell that begins like a formula; a quote in front makes it text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text


def _workbook(leads: Leads, columns: Sequence[str], rows: Mapping[str, Sequence[Row]]) -> bytes:
    import xlsxwriter

    file = io.BytesIO()
    texts_only = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, {"in_memory": True, **texts_only}) as book:
        bold = book.add_format({"bold": True})
        _summary(book.add_worksheet("Summary"), bold, leads)
        _sheet(book.add_worksheet("Master"), bold, columns, [row for some in rows.values() for row in some])
        states: dict[str, list[Row]] = {}
        for school in leads.schools:
            states.setdefault(_sheet_name(str(school.get("state"))), []).extend(rows[school["name"]])
        for state, some in sorted(states.items()):
            _sheet(book.add_worksheet(state), bold, columns, some)
    return file.getvalue()


def _sheet_name(state: str) -> str:
    """`CO`; anything but two letters could break the rules for sheet names or meet another sheet."""
    return state.upper() if len(state) == 2 and state.isascii() and state.isalpha() else "Other"


def _summary(sheet: Any, bold: Any, leads: Leads) -> None:
    lines: list[tuple[str, str | int]] = [
        ("Batch", leads.batch_name),
        *labelled(statistics(leads)),
        ("Table of donor drives", leads.drives),
        ("Schools without a report", len(leads.missing)),
        *leads.missing.items(),
    ]
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
    units = _clean(text).encode("utf-16-le")
    if len(units) <= 2 * EXCEL_CELL:
        return units.decode("utf-16-le")
    return units[: 2 * (EXCEL_CELL - len(CUT))].decode("utf-16-le", "ignore") + CUT
