"""The check that a school's report tells the truth: every YES and NO is held against the table of donor drives."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.sources.aliases import Aliases, plainly, read_aliases

_DATA = Path(__file__).resolve().parent.parent / "data"

Record = Mapping[str, Any]
Drives = Mapping[str, list[int]]
"""Official name of a school -> the years of its donor drives."""


def overlaps(
    items: list[Record], records: Mapping[str, list[Record]], context: Mapping[str, list[Record]]
) -> dict[str, list[str]]:
    """Reasons per school. It comes after the schema, so the shape of a record can be relied on."""
    table = json.loads((_DATA / "donor_drives.json").read_text(encoding="utf-8"))
    drives: Drives = {school: years for school, years in table.items() if not school.startswith("_")}
    names = read_aliases(_DATA / "school_aliases.json")
    reasons = {
        school: [reason for report in reports for reason in _report_reasons(report, drives, names)]
        for school, reports in records.items()
    }
    return {school: found for school, found in reasons.items() if found}


def _report_reasons(report: Record, drives: Drives, names: Aliases) -> Iterator[str]:
    this_year = int(report["retrieved"][:4])
    for coach in report["coaches"]:
        yield from _coach_reasons(coach, this_year, drives, names)


def _coach_reasons(coach: Record, this_year: int, drives: Drives, names: Aliases) -> Iterator[str]:
    found: dict[str, set[int]] = {}
    for step in coach["career"]:
        years, schools = _years(step["years"], this_year), _candidates(step["school"], names)
        if not years:
            yield f"{coach['name']}: the years {step['years']!r} run backwards"
        if len(schools) > 1:
            yield f"{coach['name']}: {step['school']!r} may be {' or '.join(schools)}; write the name in full"
        elif shared := {year for school in schools for year in drives.get(school, []) if year in years}:
            found.setdefault(schools[0], set()).update(shared)
    if found and coach["nmdp_overlap"] == "NO":
        yield f"{coach['name']}: nmdp_overlap is NO, but the career covers {_in_words(found)}"
    elif not found and coach["nmdp_overlap"] == "YES":
        yield f"{coach['name']}: nmdp_overlap is YES, but no career step covers a school and year of the donor drives"
    elif unsaid := _unsaid(found, coach["overlap_details"]):
        yield f"{coach['name']}: overlap_details leaves out {_in_words(unsaid)}"


def _candidates(name: str, names: Aliases) -> list[str]:
    """The official names that `name` may stand for; none for an employer that is no known school."""
    plain = plainly(name)
    return [names.canonical[plain]] if plain in names.canonical else names.by_alias.get(plain, [])


def _unsaid(found: Mapping[str, set[int]], details: str) -> dict[str, set[int]]:
    missing = {school: {year for year in years if str(year) not in details} for school, years in found.items()}
    return {school: years for school, years in missing.items() if years}


def _in_words(found: Mapping[str, set[int]]) -> str:
    return "; ".join(f"{school} {', '.join(map(str, sorted(years)))}" for school, years in sorted(found.items()))


def _years(text: str, this_year: int) -> range:
    """The years of `2019`, `2016-2019` or `2023-present`, both ends included."""
    first, _, last = text.partition("-")
    return range(int(first), (this_year if last == "present" else int(last or first)) + 1)
