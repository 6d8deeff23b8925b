"""The schools job's list, aliases and drives are what a night's work can rest on."""

import json
import unicodedata
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.evaluation.bounded import Bounded
from harness.job.load import load
from harness.sources.read import read
from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]
STATES = {
    "Big 12": {"AZ", "CO", "UT"},
    "Big Ten": {"CA", "OR", "WA"},
    "ACC": {"CA"},
    "Pac-12": {"CA", "CO", "ID", "OR", "UT", "WA"},
    "Mountain West": {"CA", "HI", "NM", "NV", "WY"},
}


def _json(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


SCHOOLS: list[dict[str, Any]] = _json("data/target_schools_west.json")["schools"]
ALIASES: dict[str, list[str]] = {k: v for k, v in _json("data/school_aliases.json").items() if not k.startswith("_")}


def _owners(name: str) -> set[str]:
    return {official for official, aliases in ALIASES.items() if _fold(name) in map(_fold, aliases)}


@covers("F34", "F37", "A15")
def test_the_list_has_24_schools_that_stay_different_when_folded() -> None:
    assert len(SCHOOLS) == len({_fold(school["name"]) for school in SCHOOLS}) == 24


def test_every_name_is_in_its_composed_form() -> None:
    for name in (school["name"] for school in SCHOOLS):
        assert unicodedata.is_normalized("NFC", name)
    assert {"San José State University", "University of Hawaiʻi at Mānoa"} <= {school["name"] for school in SCHOOLS}


@covers("F35", "F36")
def test_every_school_has_its_four_fields_and_a_conference_that_plays_in_its_state() -> None:
    for school in SCHOOLS:
        assert school.keys() == {"name", "conference", "state", "priority"}
        assert school["state"] in STATES[school["conference"]], school
        assert school["priority"] in (1, 2, 3)


def test_the_conferences_are_those_of_the_2026_season() -> None:
    sizes = Counter(school["conference"] for school in SCHOOLS)
    assert sizes == {"Pac-12": 7, "Mountain West": 6, "Big 12": 5, "Big Ten": 4, "ACC": 2}


@covers("F38")
def test_every_listed_name_is_official_and_nobody_s_alias() -> None:
    for school in SCHOOLS:
        assert school["name"] in ALIASES
        assert not _owners(school["name"])


def test_no_official_name_is_another_school_s_alias() -> None:
    assert len({_fold(name) for name in ALIASES}) == len(ALIASES)
    assert [name for name in ALIASES if _owners(name)] == []


def test_no_school_has_the_same_alias_twice() -> None:
    for official, aliases in ALIASES.items():
        assert len({_fold(alias) for alias in aliases}) == len(aliases), official


@pytest.mark.parametrize("name", ["USC", "UW", "OSU", "ASU", "Wildcats", "Cougars", "Aggies", "Tigers"])
def test_shared_names_are_ambiguous(name: str) -> None:
    assert len(_owners(name)) > 1


@covers("F38")
def test_every_listed_school_has_an_alias_of_its_own() -> None:
    for school in SCHOOLS:
        assert any(len(_owners(alias)) == 1 for alias in ALIASES[school["name"]]), school


@covers("A27")
def test_the_names_that_people_type_without_accents_resolve() -> None:
    assert _owners("San Jose State University") == {"San José State University"}
    assert _owners("University of Hawaii at Manoa") == {"University of Hawaiʻi at Mānoa"}
    assert _owners("University of Colorado") == {"University of Colorado Boulder"}


@covers("F37", "F76")
@pytest.mark.parametrize("rehearsal", [False, True])
def test_the_manifest_reads_all_24_in_order_of_priority_and_name(rehearsal: bool) -> None:
    job = load(ROOT / "job.yaml", rehearsal=rehearsal)
    with closing(Bounded()) as bounded:
        reading = read(job, bounded)
    in_order = sorted(SCHOOLS, key=lambda school: (school["priority"], school["name"]))
    assert [item.id for item in reading.items] == [school["name"] for school in in_order]
    assert reading.warnings == ()


def test_a_rehearsal_has_the_tools_of_a_real_run_and_asks_for_the_same_evidence() -> None:
    for rehearsal in (False, True):
        phase = load(ROOT / "job.yaml", rehearsal=rehearsal).phases[0]
        assert phase.session.tools == ("Read", "Write", "WebSearch", "WebFetch")
        assert phase.output.evidence == (".coaches[].career[].source_url // empty",)


def test_the_donor_drives_say_that_they_are_synthetic() -> None:
    drives = _json("data/donor_drives.json")
    assert drives.pop("_comment").startswith("SYNTHETIC") and drives.pop("_synthetic")
    assert drives.keys() <= ALIASES.keys()
    assert all(years == sorted(set(years)) and years for years in drives.values())


@covers("F41")
def test_the_checkout_holds_the_progress_file_in_its_initial_state() -> None:
    assert _json("batch_progress.json") == {
        "batch_name": "West Region 2026",
        "started": None,
        "last_updated": None,
        "current_school": None,
        "completed": [],
        "failed": [],
        "pending": [],
    }
