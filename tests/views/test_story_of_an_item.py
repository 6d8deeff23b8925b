"""`why` tells every attempt with its own verdict, and finds the records where they lie."""

import json
from typing import TYPE_CHECKING

import pytest

from harness.base.errors import UsageError
from harness.base.reason import Reason
from harness.core.fault_kinds import FaultKind
from harness.core.messages import message, told
from harness.core.types import Fault
from harness.views.why import history
from harness.views.why_text import lines

if TYPE_CHECKING:
    from tests.views.conftest import Night


def test_each_attempt_keeps_the_verdict_and_reasons_it_gave(night: "Night") -> None:
    night.plan(["A", "B"], size=2)
    night.begin()
    night.attempt({"A": ["no coach"]}, notes=(message("markdown_fence", file="out.json"),))
    night.attempt(fault=Fault(FaultKind.OVERLOADED, "provider", (told("the provider is overloaded"),)), cost=None)
    night.attempt({"A": ["no year"]})
    night.attempt()
    (chapter,) = history(night.state, "A").chapters
    said = [(told.verdict.said, told.verdict.reasons) for told in chapter.attempts if told.verdict]
    coach, year = (Reason.said("no coach"),), (Reason.said("no year"),)
    assert said == [("struck", coach), ("again", ()), ("struck", year), ("accepted", ())]
    assert [told.attempt.cost_known for told in chapter.attempts] == [True, False, True, True]
    text = "\n".join(lines(history(night.state, "A")))
    wanted = ["attempt 1", "session-2", "Markdown code fence", "rejected, strike: no year", "overloaded", "$0.07"]
    wanted += ["not reported: charged at its reservation", "claude-sonnet-5", f"{1:064x}"[:16]]
    assert [words for words in wanted if words not in text] == []


def test_accepted_records_are_found_in_their_fragment(night: "Night") -> None:
    night.plan(["A", "B"], size=2)
    night.begin()
    night.attempt()
    story = history(night.state, "B")
    kept = story.chapters[0].kept
    assert kept is not None
    content = night.store.get(kept.place.sha)[kept.place.offset : kept.place.offset + kept.place.length_bytes]
    assert json.loads(content) == {"id": "B", "coach": "A. Smith"} == kept.records[0]
    assert kept.place.offset > 0
    assert story.records_as_json()["phases"][0]["records"] == [{"id": "B", "coach": "A. Smith"}]
    assert story.as_json()["phases"][0]["accepted"]["records"] == [{"id": "B", "coach": "A. Smith"}]
    json.dumps(story.as_json())


def test_the_last_strike_is_told_as_the_failure_with_its_reasons(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    for number in range(3):
        night.attempt({"A": [f"reason {number}"]})
    (chapter,) = history(night.state, "A").chapters
    assert [told.verdict.said for told in chapter.attempts if told.verdict] == ["struck", "struck", "failed"]
    assert chapter.state == "failed"
    assert "because: reason 2" in "\n".join(lines(history(night.state, "A")))


def test_an_item_is_followed_through_its_phases(night: "Night") -> None:
    night.plan(["A", "B"], size=2, phases=("translate", "decompose"))
    night.begin()
    night.attempt()
    night.attempt({"A": ["tiling"]})
    story = history(night.state, "A")
    assert [(chapter.phase, chapter.item, chapter.state) for chapter in story.chapters] == [
        ("translate", "A", "done"),
        ("decompose", "A", "pending"),
    ]


def test_an_attempt_that_runs_has_no_verdict_yet(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    night.start()
    (chapter,) = history(night.state, "A").chapters
    assert [told.verdict for told in chapter.attempts] == [None]
    assert "still running" in "\n".join(lines(history(night.state, "A")))


def test_an_unknown_id_is_refused_with_near_ones(night: "Night") -> None:
    night.plan(["Boise State", "Utah State", "Utah"])
    with pytest.raises(UsageError) as refused:
        history(night.state, "boise stat")
    (problem,) = refused.value.problems
    assert "no school has this id" in problem.message
    assert problem.hint is not None
    assert "'Boise State'" in problem.hint


def test_I16_records_and_reasons_are_printed_harmlessly(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    night.attempt({"A": ["\x1b[2Jbad\x07"]})
    night.attempt(record=lambda id_: {"id": id_, "x": "\x1b]52;c;cm0=\x07"})
    assert all("\x1b" not in line and "\x07" not in line for line in lines(history(night.state, "A")))


def test_long_records_are_cut_for_people_and_the_command_that_prints_them_whole_is_told(night: "Night") -> None:
    night.plan(["A 1", "B"])
    night.begin()
    night.attempt(record=lambda id_: {"id": id_, "text": "word " * 5_000})
    night.attempt()
    said = list(lines(history(night.state, "A 1")))
    assert max(map(len, said)) <= 700
    assert said[-1].startswith("    all: `harness show 'A 1'")
    assert len(history(night.state, "A 1").as_json()["phases"][0]["accepted"]["records"][0]["text"]) == 25_000
    assert not any("all: `" in line for line in lines(history(night.state, "B")))


def test_of_many_records_the_first_ones_are_told(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    night.attempt(records=25)
    said = list(lines(history(night.state, "A")))
    assert sum(line.startswith('    {"id": "A"') for line in said) == 10
    assert said[-1].startswith("    and 15 more; all: `harness show A")
