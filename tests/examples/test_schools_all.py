"""The long list: at least 60 real western schools that a night can be planned on, alias-checked."""

import json
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.base.errors import UsageError
from harness.evaluation.bounded import Bounded
from harness.job.load import load
from harness.sources.aliases import plainly, read_aliases
from harness.sources.read import read
from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]
LIST = "data/target_schools_west_all.json"
STATES = {
    *("AK", "AZ", "CA", "CO", "HI", "ID", "KS", "MT", "ND", "NE"),
    *("NM", "NV", "OK", "OR", "SD", "TX", "UT", "WA", "WY"),
}
CONFERENCES = {
    *("ACC", "American", "Big 12", "Big Ten", "Conference USA", "Mountain West", "Pac-12", "SEC"),
    *("Big Sky", "Missouri Valley", "Pioneer League", "Southland", "United Athletic"),
}


def _json(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


SCHOOLS: list[dict[str, Any]] = _json(LIST)["schools"]


@covers("F33", "F68")
def test_there_are_at_least_60_schools_each_once_and_under_its_official_name() -> None:
    names = read_aliases(ROOT / "data" / "school_aliases.json")
    plain = Counter(plainly(school["name"]) for school in SCHOOLS)
    assert len(plain) == len(SCHOOLS) >= 60
    for school in SCHOOLS:
        assert names.canonical[plainly(school["name"])] == school["name"]
        owners = names.by_alias.get(plainly(school["name"]), [])
        assert owners in ([], [school["name"]]), "another school's alias"


def test_every_school_has_a_western_state_a_conference_and_a_priority() -> None:
    for school in SCHOOLS:
        assert school.keys() == {"name", "conference", "state", "priority"}
        assert school["state"] in STATES and school["conference"] in CONFERENCES, school
        assert school["priority"] in (1, 2, 3)
    assert {"AZ", "CA", "CO", "HI", "ID", "MT", "NM", "NV", "OR", "UT", "WA", "WY"} <= {s["state"] for s in SCHOOLS}


def test_the_short_list_is_part_of_it_word_for_word() -> None:
    assert all(school in SCHOOLS for school in _json("data/target_schools_west.json")["schools"])


def test_every_school_has_a_place_and_every_state_one_territory() -> None:
    places = {name: place for name, place in _json("data/school_locations.json").items() if name[0] != "_"}
    assert {name: place["state"] for name, place in places.items()} == {s["name"]: s["state"] for s in SCHOOLS}
    assert all(place["county"].strip() for place in places.values())
    territories = {name: states for name, states in _json("data/territories.json").items() if name[0] != "_"}
    states = [state for each in territories.values() for state in each]
    assert len(states) == len(set(states)) and set(states) == STATES
    assert all(len(name) <= 31 and not set(name) & set(r"[]:*?/\\") for name in territories)


@pytest.mark.parametrize("rehearsal", [False, True])
def test_the_job_reads_it_when_it_is_set(rehearsal: bool) -> None:
    job = load(ROOT / "job.yaml", settings=[f"items.file={LIST}"], rehearsal=rehearsal)
    with closing(Bounded()) as bounded:
        reading = read(job, bounded)
    assert sorted(item.id for item in reading.items) == sorted(school["name"] for school in SCHOOLS)
    assert reading.warnings == ()


def test_an_alias_that_several_schools_share_is_told_with_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("school_aliases.json", "report.schema.json", "donor_drives.json"):
        (tmp_path / "data" / name).write_bytes((ROOT / "data" / name).read_bytes())
    (tmp_path / "list.json").write_text('{"schools": [{"name": "Cal Poly"}, {"name": "WSU"}, {"name": "Mustangs"}]}')
    manifest = (
        'items: {file: list.json, rows: ".schools[]", id: .name, match: data/school_aliases.json}\n'
        "session: {model: sonnet, prompt: 'Say {{ item.id }}'}\noutput: {key: .school}\nbudget: none\n"
    )
    (tmp_path / "job.yaml").write_text(manifest)
    with closing(Bounded()) as bounded, pytest.raises(UsageError) as caught:
        read(load(tmp_path / "job.yaml"), bounded)
    shared, nicknames = caught.value.problems
    assert "Washington State University" in str(shared) and "Weber State University" in str(shared)
    assert "Southern Methodist University" in str(nicknames) and "California Polytechnic" in str(nicknames)
