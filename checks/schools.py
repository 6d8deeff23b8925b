"""The check that a school's report tells the truth: every YES and NO is held against the table of donor drives."""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_DATA = Path(__file__).resolve().parent.parent / "data"

Record = Mapping[str, Any]
Names = Mapping[str, frozenset[str]]
"""A folded name -> the official names it may stand for; more than one = ambiguous."""


def overlaps(
    items: list[Record], records: Mapping[str, list[Record]], context: Mapping[str, list[Record]]
) -> dict[str, list[str]]:
    """Reasons per school. It comes after the schema, so the shape of a record can be relied on."""
    drives: dict[str, list[int]] = dict(_table("donor_drives.json"))
    names = _names()
    reasons = {
        school: [reason for report in reports for reason in _report_reasons(report, drives, names)]
        for school, reports in records.items()
    }
    return {school: found for school, found in reasons.items() if found}


def _report_reasons(report: Record, drives: Mapping[str, list[int]], names: Names) -> Iterator[str]:
    if not report["coaches"]:
        yield f"no coach was found; the session noted: {report['notes'] or 'nothing'}"
    this_year = int(report["retrieved"][:4])
    for coach in report["coaches"]:
        yield from _coach_reasons(coach, this_year, drives, names)


def _coach_reasons(coach: Record, this_year: int, drives: Mapping[str, list[int]], names: Names) -> Iterator[str]:
    found: dict[str, set[int]] = {}
    for step in coach["career"]:
        candidates = names.get(_fold(step["school"]), frozenset())
        if len(candidates) > 1:
            yield (
                f"{coach['name']}: {step['school']!r} may be {' or '.join(sorted(candidates))}; "
                "write the school's name in full"
            )
        elif candidates:
            school = next(iter(candidates))
            if shared := set(drives.get(school, [])) & set(_years(step["years"], this_year)):
                found.setdefault(school, set()).update(shared)
    if found and coach["nmdp_overlap"] == "NO":
        yield f"{coach['name']}: nmdp_overlap is NO, but the career covers {_in_words(found)}"
    elif not found and coach["nmdp_overlap"] == "YES":
        yield f"{coach['name']}: nmdp_overlap is YES, but no career step covers a school and year of the donor drives"
    elif unsaid := _unsaid(found, coach["overlap_details"]):
        yield f"{coach['name']}: overlap_details leaves out {_in_words(unsaid)}"


def _unsaid(found: Mapping[str, set[int]], details: str) -> dict[str, set[int]]:
    missing = {school: {year for year in years if str(year) not in details} for school, years in found.items()}
    return {school: years for school, years in missing.items() if years}


def _in_words(found: Mapping[str, set[int]]) -> str:
    return "; ".join(f"{school} {', '.join(map(str, sorted(years)))}" for school, years in sorted(found.items()))


def _years(text: str, this_year: int) -> range:
    """The years of `2019`, `2016-2019` or `2023-present`, both ends included."""
    first, _, last = text.partition("-")
    return range(int(first), (this_year if last == "present" else int(last or first)) + 1)


def _names() -> Names:
    names: dict[str, set[str]] = {}
    table = dict(_table("school_aliases.json"))
    for official, aliases in table.items():
        for alias in aliases:
            names.setdefault(_fold(alias), set()).add(official)
    for official in table:
        names[_fold(official)] = {official}
    return {name: frozenset(candidates) for name, candidates in names.items()}


def _table(name: str) -> Iterator[tuple[str, list[Any]]]:
    table = json.loads((_DATA / name).read_text(encoding="utf-8"))
    return ((key, value) for key, value in table.items() if not key.startswith("_"))


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", " ".join(name.split())).casefold()
