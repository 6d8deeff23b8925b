"""`evidence`: every source that a record names was really fetched, or the record is rejected with the reason."""

from dataclasses import replace
from typing import Any

import pytest

from harness.base.ids import ItemId
from harness.core.rejections import type_of
from harness.core.types import Rejected
from harness.prompts.retry_words import words_of
from tests.outputs.conftest import Court, outcome_of, reasons_for, why

READ, SEEN, LOST = "https://a.example/read", "https://a.example/seen", "https://a.example/lost"


@pytest.fixture
def fetching(court: Court) -> Court:
    """A session that has read one page, seen another in a search, and got a 404 of a third."""
    court.output = replace(court.output, evidence=(".sources[]",))
    court.fetches.codes.update({"a.example/read": 200, "a.example/lost": 404})
    court.fetches.found.add("a.example/seen")
    return court


def record(id_: str, *sources: Any) -> dict[str, Any]:
    return {"id": id_, "sources": list(sources)}


def test_a_record_whose_sources_were_all_fetched_is_accepted(fetching: Court) -> None:
    judged = fetching.judge([record("A1", READ), record("A2", f"{READ}/#x", READ), record("A3", READ, LOST)])
    outcome = outcome_of(judged)
    assert isinstance(judged.verdicts[ItemId("A3")], Rejected)
    assert not isinstance(judged.verdicts[ItemId("A1")], Rejected)
    assert not isinstance(judged.verdicts[ItemId("A2")], Rejected), outcome


def test_each_source_that_is_none_is_named_with_the_reason_and_the_cure(fetching: Court) -> None:
    judged = fetching.judge(
        [record("A1", SEEN, LOST, "https://b.example", READ), record("A2", READ), record("A3", READ)]
    )
    assert reasons_for(judged, "A1") == (
        why("source_not_fetched", url=SEEN, is_found=True),
        why("source_refused", url=LOST, code=404),
        why("source_not_fetched", url="https://b.example", is_found=False),
    )
    assert {type_of(reason) for reason in reasons_for(judged, "A1")} == {"evidence"}
    assert all("pages that you fetched with WebFetch" in words_of(reason) for reason in reasons_for(judged, "A1"))


@pytest.mark.parametrize("sources", [[], [None], [READ, None], [5], [{"url": READ}], "none"])
def test_a_record_without_a_source_is_rejected(fetching: Court, sources: Any) -> None:
    judged = fetching.judge([{"id": "A1", "sources": sources}, record("A2", READ), record("A3", READ)])
    (reason,) = reasons_for(judged, "A1")
    assert reason == why("source_missing", place=".sources[]")


def test_evidence_says_what_it_finds_beside_other_reasons_and_nothing_of_a_record_it_cannot_read(
    fetching: Court,
) -> None:
    fetching.check(jq='.sources | type == "array"', says="a list of sources")
    fetching.check(jq=".n > 1", says="n above 1")
    judged = fetching.judge([{**record("A1", LOST), "n": 0}, {"id": "A2", "sources": 7, "n": 2}, record("A3", READ)])
    kinds = {item: [each.kind for each in reasons_for(judged, item)] for item in ("A1", "A2", "A3")}
    assert kinds == {"A1": ["jq_false", "source_refused"], "A2": ["jq_false"], "A3": ["jq_false"]}


def test_every_place_that_the_job_names_is_looked_at(fetching: Court) -> None:
    fetching.output = replace(fetching.output, evidence=(".sources[]", ".page"))
    judged = fetching.judge(
        [{**record("A1", READ), "page": READ}, {**record("A2", READ), "page": SEEN}, record("A3", READ)]
    )
    assert reasons_for(judged, "A2") == (why("source_not_fetched", url=SEEN, is_found=True),)
    assert reasons_for(judged, "A3") == (why("source_missing", place=".page"),)
    assert "A1" not in [item for item, verdict in judged.verdicts.items() if isinstance(verdict, Rejected)]
