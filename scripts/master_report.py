"""The master report of the schools job, out of the reports that were accepted, with a CSV per school beside it.

output/schools/<school>_<date>.csv     the coaches of one school, one row each
output/master_report_<date>.csv        all of them, in the order of the list, and the workbook (report_files.py)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from report_files import (
    CAREER,
    FIRST_COLUMNS,
    LAST_COLUMNS,
    Geography,
    Row,
    Statistics,
    clean,
    columns_of,
    csv_of,
    labelled,
    statistics_of,
    workbook_of,
)

from harness.base.files import make_folder, write_atomic
from harness.core.names import safe_name

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
    geography: Geography = Geography({}, {})  # noqa: RUF009  (frozen)


def read_leads(
    batch_name: str, schools: Sequence[School], merged: Path, reasons: Mapping[str, str], drives: Path
) -> Leads:
    """The merged reports, joined to `schools` by name. `reasons`: school -> why it has no report, as far as known.

    Where schools are is read beside `drives`.
    """
    found = json.loads(merged.read_text(encoding="utf-8")) if merged.exists() else []
    reports = {report["school"]: report for report in found}
    names = [school["name"] for school in schools]
    missing = {name: reasons.get(name, "not done yet") for name in names if name not in reports}
    about_drives = json.loads(drives.read_text(encoding="utf-8")).get("_comment", "")
    return Leads(batch_name, schools, reports, missing, about_drives, Geography.read(drives.parent))


def statistics(leads: Leads) -> Statistics:
    return statistics_of({name: rows for name, rows in _by_school(leads).items() if name in leads.reports})


def write_reports(leads: Leads, output: Path, today: date) -> list[Path]:
    """Write all files below `output`, each whole or not at all; returns the master CSV and the workbook first."""
    by_school = _by_school(leads)
    rows = [row for some in by_school.values() for row in some]
    columns = columns_of(rows)
    folder = make_folder(output / "schools")
    master = output / f"master_report_{today}"
    files = {
        master.with_suffix(".csv"): csv_of(columns, rows),
        master.with_suffix(".xlsx"): workbook_of(_summary(leads), columns, rows),
    }
    for name, some in by_school.items():
        if name in leads.reports:
            files[folder / f"{safe_name(name)}_{today}.csv"] = csv_of(columns, some)
    for path, content in files.items():
        write_atomic(path, content)
    return list(files)


def _summary(leads: Leads) -> list[tuple[str, str | int]]:
    return [
        ("Batch", leads.batch_name),
        *labelled(statistics(leads)),
        ("Table of donor drives", leads.drives),
        ("Schools without a report", len(leads.missing)),
        *leads.missing.items(),
    ]


def _by_school(leads: Leads) -> dict[str, list[Row]]:
    return {school["name"]: _rows(leads, school) for school in leads.schools}


def _rows(leads: Leads, school: School) -> list[Row]:
    report = leads.reports.get(school["name"])
    return [_row(leads.geography, school, coach, report["notes"]) for coach in report["coaches"]] if report else []


def _row(geography: Geography, school: School, coach: Mapping[str, Any], notes: str) -> Row:
    state = str(school.get("state") or "")
    place = geography.of(school["name"], state)
    where = (state, place["County"], place["Territory"], school.get("conference") or "")
    whose = (school["name"], *where, coach["name"], coach["position"])
    found = (coach["nmdp_overlap"], coach["overlap_details"], coach["data_quality"], notes)
    career = [(f"{CAREER}{n}", _step(step)) for n, step in enumerate(coach["career"], 1)]
    cells = [*zip(FIRST_COLUMNS, whose, strict=True), *career, *zip(LAST_COLUMNS, found, strict=True)]
    return {column: clean(str(text)) for column, text in cells}


def _step(step: Mapping[str, str]) -> str:
    source = f" <{step['source_url']}>" if "source_url" in step else ""
    return f"{step['years']} {step['school']}, {step['position']}{source}"
