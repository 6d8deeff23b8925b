"""A report's YES and NO are held against the table of donor drives."""

import importlib.util
import json
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from harness.base.reason import Reason
from harness.evaluation.bounded import Bounded

ROOT = Path(__file__).resolve().parents[2]
SCHOOL = "University of Oregon"
DRIVES = "Baylor University"
"""Has drives in 2013 and 2021."""


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _report(overlap: str, details: str, *steps: tuple[str, str]) -> dict[str, Any]:
    career = [{"years": years, "school": school, "position": "Assistant"} for years, school in steps]
    coach = {
        "name": "Somebody",
        "position": "Head Coach",
        "career": career,
        "nmdp_overlap": overlap,
        "overlap_details": details,
        "data_quality": "high",
    }
    return {"school": SCHOOL, "retrieved": "2026-01-31", "coaches": [coach], "notes": ""}


def _reasons(report: dict[str, Any]) -> list[str]:
    found = _load(ROOT / "checks" / "schools.py").overlaps([], {SCHOOL: [report]}, {})
    reasons: list[str] = found.get(SCHOOL, [])
    return reasons


def test_the_table_has_the_years_these_tests_rely_on() -> None:
    assert json.loads((ROOT / "data/donor_drives.json").read_text())[DRIVES] == [2013, 2021]


def test_a_true_yes_and_a_true_no_are_accepted() -> None:
    assert _reasons(_report("YES", "Baylor University 2013", ("2013-2015", DRIVES))) == []
    assert _reasons(_report("NO", "", ("2014-2020", DRIVES))) == []


def test_both_ends_of_a_step_count() -> None:
    for years in ("2013", "2010-2013", "2013-2015"):
        assert _reasons(_report("NO", "", (years, DRIVES))) == [
            "Somebody: nmdp_overlap is NO, but the career covers Baylor University 2013"
        ]


def test_present_reaches_to_the_day_of_the_report() -> None:
    assert _reasons(_report("YES", "2021", ("2020-present", DRIVES))) == []


def test_an_overlap_that_is_not_there_is_refused() -> None:
    assert _reasons(_report("YES", "2013", ("2014-2020", DRIVES))) == [
        "Somebody: nmdp_overlap is YES, but no career step covers a school and year of the donor drives"
    ]


def test_every_overlapping_year_must_be_named() -> None:
    assert _reasons(_report("YES", "the drive of 2013", ("2012-present", DRIVES))) == [
        "Somebody: overlap_details leaves out Baylor University 2021"
    ]


def test_an_alias_counts_as_the_school_and_an_ambiguous_one_is_asked_about() -> None:
    assert "Baylor University 2013" in _reasons(_report("NO", "", ("2013", "baylor")))[0]
    assert _reasons(_report("NO", "", ("2013", "Wildcats"))) == [
        "Somebody: 'Wildcats' may be University of Arizona or Kansas State University or Northwestern University "
        "or University of Kentucky or Weber State University or Abilene Christian University; write the name in full"
    ]


def test_years_that_run_backwards_are_refused() -> None:
    assert _reasons(_report("NO", "", ("2015-2012", DRIVES))) == ["Somebody: the years '2015-2012' run backwards"]


def test_an_employer_that_is_no_school_is_left_alone() -> None:
    assert _reasons(_report("NO", "", ("2013", "Denver Broncos"))) == []


def test_the_check_gives_the_same_reasons_in_the_child_that_checks_run_in() -> None:
    report = _report("NO", "", ("2013", DRIVES))
    with closing(Bounded()) as bounded:
        found = bounded.python(ROOT / "checks" / "schools.py", "overlaps", [], {SCHOOL: [report]}, {}, 20.0)
    assert found == {SCHOOL: [Reason.of_check(said) for said in _reasons(report)]}
    assert found[SCHOOL]


@pytest.mark.parametrize(
    "change",
    [
        {"years": "2019–2021"},
        {"years": "since 2019"},
        {"school": ""},
        {"source_url": "javascript:alert(1)"},
        {"salary": 1},
    ],
)
def test_the_schema_refuses_a_bad_step(change: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "data/report.schema.json").read_text())
    report = _report("NO", "", ("2019", DRIVES))
    jsonschema.validate(report, schema)
    report["coaches"][0]["career"][0] |= change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, schema)


def test_the_schema_refuses_a_yes_without_details() -> None:
    schema = json.loads((ROOT / "data/report.schema.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(_report("YES", "", ("2013", DRIVES)), schema)
