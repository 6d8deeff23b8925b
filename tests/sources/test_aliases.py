"""Names that become canonical by a file of aliases, or are refused with those that may be meant."""

import json
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.evaluation.bounded import Bounded
from harness.sources.read import SourceReading
from tests.covers import covers
from tests.sources.conftest import ids, reading

ALIASES = {
    "_comment": "canonical: aliases",
    "University of Oregon": ["Oregon", "UO", "Ducks"],
    "Oregon State University": ["Oregon State", "OSU", "Beavers"],
    "Ohio State University": ["Ohio State", "OSU", "Buckeyes"],
    "San José State University": ["San José State", "SJSU"],
    "University of Hawaiʻi at Mānoa": ["Hawaii", "Texas A&M–Nowhere"],
}


def matched(bounded: Bounded, *names: str) -> SourceReading:
    Path("aliases.json").write_text(json.dumps(ALIASES))
    return reading(bounded, json.dumps([{"id": name} for name in names]), "i.json", ", match: aliases.json")


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("University of Oregon", "University of Oregon"),
        ("  oregon ", "University of Oregon"),
        ("sjsu", "San José State University"),
        ("San Jose\u0301 State", "San José State University"),
        ("University of Hawai'i at Mānoa", "University of Hawaiʻi at Mānoa"),
        ("Texas A&M-Nowhere", "University of Hawaiʻi at Mānoa"),
        ("Texas\u00a0A&M\u2011Nowhere", "University of Hawaiʻi at Mānoa"),
    ],
)
def test_names_become_canonical(bounded: Bounded, name: str, canonical: str) -> None:
    found = matched(bounded, name)
    assert ids(found) == [canonical]
    assert found.items[0].data["id"] == name


@covers("A27")
def test_acceptance_an_ambiguous_alias_is_refused_with_its_candidates(bounded: Bounded) -> None:
    with pytest.raises(UsageError) as caught:
        matched(bounded, "UO", "OSU", "Orgeon Stat", "zzz")
    assert [str(problem).split("\n")[0] for problem in caught.value.problems] == [
        "i.json:1:16: 'OSU' is ambiguous: it may be 'Oregon State University' or 'Ohio State University'",
        "i.json:1:31: 'Orgeon Stat' is not among the known names; close are 'Oregon State University'"
        " and 'Ohio State University'",
        "i.json:1:54: 'zzz' is not among the known names",
    ]


@covers("A26")
def test_two_names_of_one_school_are_a_duplicate(bounded: Bounded) -> None:
    with pytest.raises(UsageError, match=r"duplicate id 'University of Oregon': it is also at i\.json:1:2"):
        matched(bounded, "UO", "Ducks")


def test_a_wrong_alias_file_is_refused(bounded: Bounded) -> None:
    for wrong, words in [
        ('{"A": "x"}', "the aliases of 'A' must be a list of text"),
        ("[]", "expected an object"),
        ('{"A b": [], "a  B": []}', "'A b' and 'a  B' are the same name"),
        ('{"A": [],\n "A": []}', "aliases.json:2:2: duplicate key 'A'"),
    ]:
        Path("aliases.json").write_text(wrong)
        with pytest.raises(UsageError, match=words):
            reading(bounded, '[{"id": "a"}]', "i.json", ", match: aliases.json")
