"""A verdict for each item: sets and not counts, exact ids, and never a word believed."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.item_ids import problem_with
from harness.core.messages import message
from harness.core.types import Accepted, Artifact, Item
from harness.job.job import OutputSpec, PhaseSpec
from harness.outputs.checks import Checker
from harness.outputs.judge import judge
from harness.views.fault_words import fault_text
from harness.workspaces.freeze import freeze
from tests.covers import covers
from tests.outputs.conftest import GOOD, SESSION, Court, outcome_of, reasons_for, why

# --- sets -------------------------------------------------------------------------------------------------------------


def test_every_item_gets_exactly_one_verdict_in_the_order_of_the_group(court: Court) -> None:
    judgement = court.judge(GOOD[::-1])
    assert outcome_of(judgement) == {"A1": [GOOD[0]], "A2": [GOOD[1]], "A3": [GOOD[2]]}
    assert list(judgement.verdicts) == ["A1", "A2", "A3"]
    assert (judgement.usable, judgement.invented, judgement.notes, judgement.broken_check) == (True, (), (), None)


@covers("A84")
@pytest.mark.parametrize("present", [[], [0], [0, 1], [2]])
def test_O06_the_present_are_accepted_and_the_missing_alone_are_missing(court: Court, present: list[int]) -> None:
    judgement = court.judge([GOOD[place] for place in present])
    expected = {f"A{place + 1}": [GOOD[place]] if place in present else "missing" for place in range(3)}
    assert outcome_of(judgement) == expected
    assert judgement.usable == bool(present)


@covers("A84")
def test_O07_invented_ids_are_reported_and_never_merged(court: Court) -> None:
    judgement = court.judge([*GOOD[:2], {"id": "Z9"}])
    assert outcome_of(judgement) == {"A1": [GOOD[0]], "A2": [GOOD[1]], "A3": "missing"}
    assert judgement.invented == ("Z9",)
    assert reasons_for(judgement, "A3") == (why("record_missing", id="A3", path=".id"),)


@pytest.mark.parametrize(
    ("expected", "got", "is_near"),
    [
        ("A1", "a1", True),
        ("7", "07", False),
        ("7", 7.5, False),
        ("7.0", "7", False),
        ("University of Oregon", "Universty of Oregon", True),
    ],
)
def test_O07_a_near_miss_is_named_and_never_taken(court: Court, expected: str, got: Any, is_near: bool) -> None:
    court.ids = [expected]
    judgement = court.judge([{"id": got}])
    assert outcome_of(judgement) == {expected: "missing"}
    near = why("id_misspelled", id=expected, path=".id", got=got)
    assert reasons_for(judgement, expected) == (near if is_near else why("record_missing", id=expected, path=".id"),)
    assert len(judgement.invented) == 1
    assert not judgement.usable


@pytest.mark.parametrize(
    ("planned", "got"),
    [
        ("7", 7), ("7", 7.0), ("1.50", 1.5), ("01234", 1234), ("-3", -3),
        ("José", "Jose\u0301"), ("Jose\u0301", "José"), ("A1", " A1\n"),
    ],
)  # fmt: skip
def test_an_id_that_can_only_mean_one_item_is_taken_and_spelled_as_planned(
    court: Court, planned: str, got: Any
) -> None:
    court.ids = [planned, "other"]
    judgement = court.judge([{"id": got, "n": 1}, {"id": "other"}])
    assert outcome_of(judgement)[planned] == [{"id": planned, "n": 1}]
    assert judgement.invented == () and [note.kind for note in judgement.notes] == ["ids_respelled"]


def test_an_id_that_may_mean_two_items_is_taken_for_none(court: Court) -> None:
    court.ids = ["7", "07", "8.0"]
    assert outcome_of(court.judge([{"id": 7, "n": 1}, {"id": 8}])) == {
        "7": [{"id": "7", "n": 1}],
        "07": "missing",
        "8.0": [{"id": "8.0"}],
    }
    court.ids = ["007", "07"]
    assert outcome_of(court.judge([{"id": 7}])) == {"007": "missing", "07": "missing"}


def test_ids_of_every_shape_are_taken_in_another_form(court: Court) -> None:
    court.shape("object")
    court.ids = ["Jose\u0301", "1"]
    assert outcome_of(court.judge({"José": {"id": "José"}, "1": {"id": 1}})) == {
        "Jose\u0301": [{"id": "Jose\u0301"}],
        "1": [{"id": "1"}],
    }
    court.shape("one")
    court.ids = ["1"]
    assert outcome_of(court.judge({"id": 1})) == {"1": [{"id": "1"}]}
    court.shape("array")
    court.output = replace(court.output, item=".of.item")
    assert outcome_of(court.judge([{"id": "k", "of": {"item": 1}}])) == {"1": [{"id": "k", "of": {"item": "1"}}]}
    court.shape("files", "{id}.md")
    court.ids = ["José"]
    court.write("Jose\u0301.md", "text")
    frozen = court.judge()
    assert isinstance(frozen.verdicts[ItemId("José")], Accepted)


def test_a_check_may_name_an_item_as_its_session_did(court: Court) -> None:
    court.ids = ["Jose\u0301"]
    court.python("def check(items, records, context):\n    return {'José': ['no']}\n")
    assert reasons_for(court.judge([{"id": "José"}]), "Jose\u0301") == (why("check", message="no"),)


@pytest.mark.parametrize("record", [{}, {"id": None}, {"id": True}, {"id": ["A1"]}, 7, None])
def test_a_record_without_an_id_belongs_to_nobody_and_is_noted(court: Court, record: Any) -> None:
    judgement = court.judge([*GOOD, record])
    assert all(isinstance(verdict, Accepted) for verdict in judgement.verdicts.values())
    assert judgement.notes == (message("records_without_id", records=1, path=".id"),)


def test_O05_equal_records_are_taken_once_and_different_ones_void_their_item(court: Court) -> None:
    twice = [{"id": "A1", "n": 1, "m": 2}, {"m": 2, "id": "A1", "n": 1}, {"id": "A2", "n": 1}, {"id": "A2", "n": 1.0}]
    judgement = court.judge([*twice, GOOD[2]])
    assert outcome_of(judgement) == {
        "A1": [twice[0]],
        "A2": [why("duplicate_key", ".id", key="A2", path=".id")],
        "A3": [GOOD[2]],
    }
    assert judgement.notes == (message("equal_records", records=1),)


def test_an_item_with_many_records_is_accepted_whole_or_not_at_all(court: Court) -> None:
    court.output = replace(court.output, key=".lego", item=".seed")
    court.check(jq=".n < $limit", says="n must be small")
    records = [
        {"seed": "A1", "lego": "a", "n": 1},
        {"seed": "A2", "lego": "c", "n": 1},
        {"seed": "A1", "lego": "b", "n": 2},
        {"seed": "A2", "lego": "d", "n": 9},
        {"seed": "A3", "n": 1},
    ]
    assert outcome_of(court.judge(records)) == {
        "A1": [records[0], records[2]],
        "A2": [why("jq_false", program=".n < $limit", says="n must be small", record="d")],
        "A3": [why("bad_key", ".lego", path=".lego")],
    }


def test_one_key_in_two_items_voids_both(court: Court) -> None:
    court.output = replace(court.output, key=".lego", item=".seed")
    judgement = court.judge([{"seed": "A1", "lego": "x"}, {"seed": "A2", "lego": "x"}, {"seed": "A3", "lego": "y"}])
    reason = [why("duplicate_key", ".lego", key="x", path=".lego")]
    assert outcome_of(judgement) == {"A1": reason, "A2": reason, "A3": [{"seed": "A3", "lego": "y"}]}


# --- files that cannot be used ----------------------------------------------------------------------------------------


@covers("F190")
def test_O01_without_a_file_every_item_is_missing_with_the_reason(court: Court) -> None:
    judgement = court.judge()
    assert outcome_of(judgement) == {"A1": "missing", "A2": "missing", "A3": "missing"}
    assert reasons_for(judgement, "A1") == (why("file_missing", file="out.json", found=[], more=0),)
    assert not judgement.usable


def test_O02_O08_a_file_that_does_not_parse_makes_every_item_missing(court: Court) -> None:
    court.write("out.json", '[{"id": "A1"}, {"id": NaN}]')
    judgement = court.judge()
    assert reasons_for(judgement, "A1") == (_too_much("NaN is not JSON"),)
    assert not judgement.usable


def test_O03_oddities_of_the_file_are_noted(court: Court) -> None:
    court.write("out.json", f"```json\n{json.dumps(GOOD)}\n```")
    assert court.judge().notes == (message("markdown_fence", file="out.json"),)


def test_shape_object_and_one(court: Court) -> None:
    court.shape("object")
    records = {"A1": {"n": 1}, "A2": {"id": "A9"}, "A3": {"id": "A3"}}
    assert outcome_of(court.judge(records)) == {
        "A1": [{"n": 1, "id": "A1"}],
        "A2": [why("key_differs", ".id", name="A2", path=".id", got='"A9"')],
        "A3": [{"id": "A3"}],
    }
    court.shape("one")
    court.ids = ["A2"]
    assert outcome_of(court.judge({"id": "A2"})) == {"A2": [{"id": "A2"}]}


def test_files_have_their_bytes_as_records_and_checks_see_the_text(court: Court) -> None:
    court.shape("files", "{id}.md")
    court.ids = ["A1", "A2", "../A3", "A4", "A5"]
    court.check(jq='.text | test("good")', says="say good")
    court.write("A1.md", "good")
    court.write("A2.md", " \n")
    court.write("A5.md", "bad")
    (court.folder / "work/A4.md").symlink_to("A1.md")
    judgement = court.judge()
    outcome = outcome_of(judgement)
    (record,) = outcome["A1"]
    assert court.store.get(record.pop("sha")) == b"good"
    assert record == {"id": "A1", "file": "A1.md", "size": 4}
    assert outcome["A2"] == [why("file_empty", file="A2.md")]
    assert outcome["../A3"] == "missing"
    assert outcome["A4"] == [why("file_not_regular", found="symbolic link", file="A4.md")]
    assert outcome["A5"] == [why("jq_false", program='.text | test("good")', says="say good")]


def test_a_jq_check_that_raises_whatever_the_text_is_is_broken(court: Court) -> None:
    court.shape("files", "{id}.md")
    court.ids = ["A1"]
    court.write("A1.md", "no JSON")
    court.check(jq='.text | fromjson | .title | test("x")', says="write JSON")
    assert court.judge().broken_check is None
    court.check(jq='.body | test("good")', says="say good")
    court.write("A1.md", '{"title": "x"}')
    broken = court.judge().broken_check
    assert broken is not None
    assert "the check reads {id, file, sha, size, text} of each file, whatever the text" in fault_text(broken.why)


# --- derived items ----------------------------------------------------------------------------------------------------


def _phase(number: int, rows: str | None, id_: str = ".lego") -> PhaseSpec:
    output = OutputSpec("o.json", "array", ".id", ".id", (), None, None)
    return PhaseSpec(number, f"p{number}", "lego", 1, "own", rows, id_, 1, SESSION, output)


@pytest.mark.parametrize("rows", [".legos[]", ".legos | .[]"])
def test_accepted_records_make_the_items_of_the_next_phases(court: Court, rows: str) -> None:
    court.making = [_phase(2, rows), _phase(3, None)]
    records = [
        {"id": "A1", "legos": [{"lego": "x"}, {"lego": "y", "n": 1}]},
        {"id": "A2", "legos": []},
        {"id": "A3", "legos": [{"lego": "z"}]},
    ]
    verdicts = court.judge(records).verdicts
    made = {item: verdict.derived for item, verdict in verdicts.items() if isinstance(verdict, Accepted)}
    assert made == {
        "A1": {2: (Item(ItemId("x"), {"lego": "x"}, None, (records[0],)),
                   Item(ItemId("y"), {"lego": "y", "n": 1}, None, (records[0],)))},
        "A2": {2: ()},
        "A3": {2: (Item(ItemId("z"), {"lego": "z"}, None, (records[2],)),)},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("legos", "reason"),
    [
        ([{"n": 1}], why("row_without_id", path=".lego", row='{"n":1}')),
        ([{"lego": 7.5}], why("row_without_id", path=".lego", row='{"lego":7.5}')),
        ([{"lego": True}], why("row_without_id", path=".lego", row='{"lego":true}')),
        ([{"lego": " "}], why("row_without_id", path=".lego", row='{"lego":" "}')),
        ([{"lego": "y"}, {"lego": "Y"}], why("row_repeated", id="Y")),
        ([{"lego": "e\u0301"}, {"lego": "É"}], why("row_repeated", id="É")),
        ([{"lego": " y"}], why("row_id_unusable", problem=problem_with(" y"))),
        ([{"lego": "y" * 4097}], why("row_id_unusable", problem=problem_with("y" * 4097))),
        ([{"lego": "y\n2"}], why("row_id_unusable", problem=problem_with("y\n2"))),
        ([{"lego": "y\u202e2"}], why("row_id_unusable", problem=problem_with("y\u202e2"))),
        (None, why("rows_no_list", path=".legos", got="null")),
        ("absent", why("rows_no_list", path=".legos", got='"absent"')),
    ],
)
def test_a_made_item_without_an_id_of_its_own_rejects_the_record(court: Court, legos: Any, reason: Reason) -> None:
    court.making = [_phase(2, ".legos[]")]
    records = [{"id": "A1", "legos": [{"lego": "x"}]}, {"id": "A2", "legos": legos}, {"id": "A3", "legos": []}]
    judgement = court.judge(records)
    assert outcome_of(judgement) == {"A1": [records[0]], "A2": [reason.with_facts(noun="lego")], "A3": [records[2]]}


def test_everything_that_is_wrong_with_derived_items_is_said_at_once(court: Court) -> None:
    court.ids = ["A1"]
    court.output = replace(court.output, key=".n", item=".id")
    court.making = [_phase(2, ".legos[]")]
    records = [{"id": "A1", "n": n, "legos": legos} for n, legos in enumerate([None, [{"lego": " "}, {}], "x"])]
    kinds = [reason.kind for reason in reasons_for(court.judge(records), "A1")]
    assert sorted(kinds) == ["row_without_id", "row_without_id", "rows_no_list", "rows_no_list"]


@pytest.mark.parametrize("rows", [".legos[]", ".legos | .[]"])
def test_a_record_that_makes_more_items_than_its_phase_allows_is_rejected(court: Court, rows: str) -> None:
    court.making = [replace(_phase(2, rows), most=3)]
    records = [{"id": f"A{n}", "legos": [{"lego": f"{n}.{lego}"} for lego in range(n + 1)]} for n in (1, 2, 3)]
    reason = why("rows_too_many", noun="lego", count=4, most=3, phase="p2")
    assert outcome_of(court.judge(records)) == {"A1": [records[0]], "A2": [records[1]], "A3": [reason]}
    records[2]["legos"] = [{"lego": f"3.{lego}"} for lego in range(1001)]
    court.making = [_phase(2, rows)]
    assert reasons_for(court.judge(records), "A3") == (reason.with_facts(count=1001, most=1000),)


def test_rows_that_do_not_compile_are_a_broken_configuration(court: Court) -> None:
    court.making = [_phase(2, ".legos[")]
    judgement = court.judge(GOOD)
    assert judgement.broken_check is not None
    assert judgement.broken_check.why[0].kind == "rows_broken"


def test_rows_that_raise_for_one_record_reject_that_record(court: Court) -> None:
    court.making = [_phase(2, ".legos | .[]")]
    judgement = court.judge([{"id": "A1", "legos": []}, {"id": "A2"}, {"id": "A3", "legos": []}])
    assert reasons_for(judgement, "A2") == (why("rows_error", noun="lego", error="Cannot iterate over null (null)"),)
    assert judgement.broken_check is None


def test_what_nobody_asked_for_is_dropped_before_any_check_with_a_note(court: Court) -> None:
    court.output = replace(court.output, known=frozenset({"id", "n"}))
    court.python("""def check(items, records, context):
    return {i: [] for i in records if max(len(value) for value in records[i][0].values())}
""")
    judgement = court.judge([{"id": "A1", "n": "1", "x": 7}, {"id": "A2", "x": None, "y": {}}, {"id": "A3"}])
    assert outcome_of(judgement) == {"A1": [{"id": "A1", "n": "1"}], "A2": [{"id": "A2"}], "A3": [{"id": "A3"}]}
    assert judgement.notes == (message("fields_dropped", fields=[["x", 2], ["y", 1]], more=0),)


# --- big files --------------------------------------------------------------------------------------------------------


def _too_much(problem: str) -> Reason:
    return why("not_json", problem=problem, file="out.json")


def test_a_file_of_too_many_records_or_values_is_refused(court: Court) -> None:
    court.output = replace(court.output, limit=2**26)
    assert reasons_for(court.judge([{}] * 4001), "A1") == (_too_much("the file has 4,001 records, more than 4,000"),)
    inside: dict[str, Any] = {"id": "A1", "x": [[]] * 1_000_001}
    assert reasons_for(court.judge([inside]), "A1") == (_too_much("the file holds more than 1,000,000 values"),)
    court.shape("object")
    many: dict[str, Any] = {f"x{number}": {} for number in range(4001)}
    assert reasons_for(court.judge(many), "A1") == (_too_much("the file has 4,001 records, more than 4,000"),)


def test_a_big_file_is_read_in_the_child_before_the_supervisor_reads_it(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    court.output = replace(court.output, limit=2**26)
    text = "x" * 2_000_000
    assert outcome_of(court.judge([{"id": "A1", "t": text}, *GOOD[1:]]))["A1"] == [{"id": "A1", "t": text}]
    monkeypatch.setattr("harness.outputs.judge.parse", None)  # not even called for what the child refuses
    court.write("out.json", b"[" + b"{}," * 700_000 + b"{}]")
    assert reasons_for(court.judge(), "A1") == (_too_much("the file has 700,001 records, more than 4,000"),)
    court.write("out.json", b'[{"id": "A1", "x": "' + b"y" * 2_000_000)
    assert "cut off" in reasons_for(court.judge(), "A1")[0].facts["problem"]


def test_one_big_record_may_have_as_many_parts_as_it_likes(court: Court) -> None:
    court.output = replace(court.output, limit=2**26, shape="one")
    court.ids = ["A1"]
    record = {"id": "A1", **{f"part {n}": n for n in range(3000)}, "text": "x" * 2_000_000}
    assert outcome_of(court.judge(record)) == {"A1": [record]}


def test_big_files_are_judged_one_at_a_time_and_small_ones_do_not_wait(court: Court) -> None:
    court.output = replace(court.output, limit=2**26)
    court.write("out.json", json.dumps([{"id": "A1", "t": "x" * 2_000_000}]))
    frozen = freeze(court.folder / "work", court.output, court.ids, court.store)
    small = court.store.put(json.dumps(GOOD).encode())

    async def judged() -> tuple[bool, bool]:
        checker = Checker(court.work(), court.bounded, {}, court.breakdowns)
        async with court.breakdowns.big:
            big = asyncio.create_task(judge(court.work(), frozen.artifacts, (), court.store, checker, ()))
            quick = judge(court.work(), [Artifact("out.json", small, 60)], (), court.store, checker, ())
            is_quick = (await quick).is_complete()
            waits = not big.done()
        return is_quick and waits, (await big).usable

    assert asyncio.run(judged()) == (True, True)
