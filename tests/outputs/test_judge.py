"""A verdict for each item: sets and not counts, exact ids, every check in order, and never a word believed."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from harness.base.artifacts import ArtifactStore
from harness.base.bounded import Bounded
from harness.base.halt import HaltedError
from harness.base.ids import AttemptId, GroupId, ItemId, Token
from harness.core.types import Accepted, Artifact, AttemptSpec, BatchRef, Item, Judgement, OutputFault, Rejected
from harness.job.job import CheckSpec, OutputSpec, PhaseSpec, SessionSpec, Shape
from harness.outputs.checks import Breakdowns, Checker
from harness.outputs.freeze import freeze
from harness.outputs.judge import judge
from tests.ended import goes

SESSION = SessionSpec(
    "command", None, "", "<prompt>", "", (), ("true",), None, None, None, timedelta(seconds=1), None
)  # fmt: skip


@pytest.fixture(scope="module")
def bounded() -> Iterator[Bounded]:
    bounded = Bounded()
    yield bounded
    bounded.close()


class Court:
    """Judges what is written into one work folder."""

    def __init__(self, folder: Path, bounded: Bounded) -> None:
        self.folder = folder
        self.bounded = bounded
        self.store = ArtifactStore(folder / "artifacts")
        self.store.root.mkdir()
        (folder / "work").mkdir()
        self.ids = ["A1", "A2", "A3"]
        self.output = OutputSpec("out.json", "array", ".id", ".id", (), None, None)
        self.making: Sequence[PhaseSpec] = ()
        self.breakdowns = Breakdowns()
        self.context: Mapping[str, Sequence[Any]] = {}

    def shape(self, shape: Shape, file: str = "out.json") -> None:
        self.output = replace(self.output, shape=shape, file=file)

    def check(self, **fields: Any) -> None:
        (kind,) = fields.keys() - {"says"}
        check = CheckSpec(kind, fields.pop("says", None), **fields)  # type: ignore[arg-type]  # one of the four words
        self.output = replace(self.output, checks=(*self.output.checks, check))

    def python(self, text: str) -> None:
        (self.folder / "checks.py").write_text(text)
        self.check(python=(self.folder / "checks.py", "check"))

    def write(self, name: str, content: bytes | str) -> None:
        (self.folder / "work" / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def judge(self, records: Any = None) -> Judgement:
        if records is not None:
            self.write("out.json", json.dumps(records))
        frozen = freeze(self.folder / "work", self.output, self.ids, self.store)
        return self.judge_frozen(frozen.artifacts, frozen.output_faults)

    def judge_frozen(self, artifacts: Sequence[Artifact], faults: Sequence[OutputFault]) -> Judgement:
        checker = Checker(self.spec(), self.bounded, {"limit": 3}, self.breakdowns)
        made = judge(self.spec(), artifacts, faults, self.store, checker, self.making)
        return asyncio.run(made)

    def spec(self) -> AttemptSpec:
        items = tuple(Item(ItemId(id_), {"id": id_, "n": place}) for place, id_ in enumerate(self.ids))
        return AttemptSpec(
            AttemptId(1), Token("0" * 32), GroupId(1), BatchRef(1, 1), "main", items, 0, {}, "", "", "uuid", SESSION,
            self.output, self.context, Decimal(1), 1000, self.folder, (), False,
        )  # fmt: skip


@pytest.fixture
def court(tmp_path: Path, bounded: Bounded) -> Court:
    return Court(tmp_path, bounded)


def _outcome(judgement: Judgement) -> dict[str, Any]:
    """Records of accepted items, reasons of rejected ones, `missing` for missing ones."""
    told: dict[str, Any] = {}
    for item, verdict in judgement.verdicts.items():
        if isinstance(verdict, Accepted):
            told[item] = list(verdict.records)
        else:
            told[item] = "missing" if verdict.missing else list(verdict.reasons)
    return told


def _reasons(judgement: Judgement, item: str) -> tuple[str, ...]:
    verdict = judgement.verdicts[ItemId(item)]
    assert isinstance(verdict, Rejected)
    return verdict.reasons


GOOD = [{"id": "A1"}, {"id": "A2"}, {"id": "A3"}]


# --- sets -------------------------------------------------------------------------------------------------------------


def test_every_item_gets_exactly_one_verdict_in_the_order_of_the_group(court: Court) -> None:
    judgement = court.judge(GOOD[::-1])
    assert _outcome(judgement) == {"A1": [GOOD[0]], "A2": [GOOD[1]], "A3": [GOOD[2]]}
    assert list(judgement.verdicts) == ["A1", "A2", "A3"]
    assert (judgement.usable, judgement.invented, judgement.notes, judgement.broken_check) == (True, (), (), None)


@pytest.mark.parametrize("present", [[], [0], [0, 1], [2]])
def test_O06_the_present_are_accepted_and_the_missing_alone_are_missing(court: Court, present: list[int]) -> None:
    judgement = court.judge([GOOD[place] for place in present])
    expected = {f"A{place + 1}": [GOOD[place]] if place in present else "missing" for place in range(3)}
    assert _outcome(judgement) == expected
    assert judgement.usable == bool(present)


def test_O07_invented_ids_are_reported_and_never_merged(court: Court) -> None:
    judgement = court.judge([*GOOD[:2], {"id": "Z9"}])
    assert _outcome(judgement) == {"A1": [GOOD[0]], "A2": [GOOD[1]], "A3": "missing"}
    assert judgement.invented == ("Z9",)
    assert _reasons(judgement, "A3") == ("missing: no record has 'A3' at .id",)


@pytest.mark.parametrize(
    ("expected", "got", "named"),
    [
        ("A1", "A1 ", "got 'A1 ', expected 'A1'"),
        ("A1", "a1", "got 'a1', expected 'A1'"),
        ("7", 7, "got the number 7, expected '7'"),
        ("José", "Jose\u0301", r"got 'Jose\u0301', expected 'José'"),
        ("University of Oregon", "Universty of Oregon", "got 'Universty of Oregon', expected 'University of Oregon'"),
    ],
)
def test_O07_a_near_miss_is_named_and_never_taken(court: Court, expected: str, got: Any, named: str) -> None:
    court.ids = [expected]
    judgement = court.judge([{"id": got}])
    assert _outcome(judgement) == {expected: "missing"}
    assert _reasons(judgement, expected) == (f"missing: {named}",)
    assert len(judgement.invented) == 1
    assert not judgement.usable


@pytest.mark.parametrize("record", [{}, {"id": None}, {"id": True}, {"id": ["A1"]}, 7, None])
def test_a_record_without_an_id_belongs_to_nobody_and_is_noted(court: Court, record: Any) -> None:
    judgement = court.judge([*GOOD, record])
    assert all(isinstance(verdict, Accepted) for verdict in judgement.verdicts.values())
    assert judgement.notes == ("1 records have no text at .id and belong to no item",)


def test_O05_equal_records_are_taken_once_and_different_ones_void_their_item(court: Court) -> None:
    twice = [{"id": "A1", "n": 1, "m": 2}, {"m": 2, "id": "A1", "n": 1}, {"id": "A2", "n": 1}, {"id": "A2", "n": 1.0}]
    judgement = court.judge([*twice, GOOD[2]])
    assert _outcome(judgement) == {
        "A1": [twice[0]],
        "A2": ["A2 is there more than once with different content"],
        "A3": [GOOD[2]],
    }
    assert "equal content" in judgement.notes[0]


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
    assert _outcome(court.judge(records)) == {
        "A1": [records[0], records[2]],
        "A2": ["record 'd': n must be small"],
        "A3": ["a record has no text or whole number at .lego, its key"],
    }


def test_one_key_in_two_items_voids_both(court: Court) -> None:
    court.output = replace(court.output, key=".lego", item=".seed")
    judgement = court.judge([{"seed": "A1", "lego": "x"}, {"seed": "A2", "lego": "x"}, {"seed": "A3", "lego": "y"}])
    reason = ["x is there more than once with different content"]
    assert _outcome(judgement) == {"A1": reason, "A2": reason, "A3": [{"seed": "A3", "lego": "y"}]}


# --- files that cannot be used ----------------------------------------------------------------------------------------


def test_O01_without_a_file_every_item_is_missing_with_the_reason(court: Court) -> None:
    judgement = court.judge()
    assert _outcome(judgement) == {"A1": "missing", "A2": "missing", "A3": "missing"}
    assert _reasons(judgement, "A1") == ("there is no out.json; the work folder is empty",)
    assert not judgement.usable


def test_O02_O08_a_file_that_does_not_parse_makes_every_item_missing(court: Court) -> None:
    court.write("out.json", '[{"id": "A1"}, {"id": NaN}]')
    judgement = court.judge()
    assert _reasons(judgement, "A1") == ("out.json: NaN is not JSON",)
    assert not judgement.usable


def test_O03_oddities_of_the_file_are_noted(court: Court) -> None:
    court.write("out.json", f"```json\n{json.dumps(GOOD)}\n```")
    assert court.judge().notes == ("out.json: markdown fence around the JSON",)


def test_shape_object_and_one(court: Court) -> None:
    court.shape("object")
    records = {"A1": {"n": 1}, "A2": {"id": "A9"}, "A3": {"id": "A3"}}
    assert _outcome(court.judge(records)) == {
        "A1": [{"n": 1, "id": "A1"}],
        "A2": ["the record is filed under 'A2' but its .id says 'A9'"],
        "A3": [{"id": "A3"}],
    }
    court.shape("one")
    court.ids = ["A2"]
    assert _outcome(court.judge({"id": "A2"})) == {"A2": [{"id": "A2"}]}


def test_files_have_their_bytes_as_records_and_checks_see_the_text(court: Court) -> None:
    court.shape("files", "{id}.md")
    court.ids = ["A1", "A2", "../A3", "A4", "A5"]
    court.check(jq='.text | test("good")', says="say good")
    court.write("A1.md", "good")
    court.write("A2.md", " \n")
    court.write("A5.md", "bad")
    (court.folder / "work/A4.md").symlink_to("A1.md")
    judgement = court.judge()
    outcome = _outcome(judgement)
    (record,) = outcome["A1"]
    assert court.store.get(record.pop("sha")) == b"good"
    assert record == {"id": "A1", "file": "A1.md", "size": 4}
    assert outcome["A2"] == ["A2.md: the file is empty"]
    assert outcome["../A3"] == "missing"
    assert outcome["A4"] == ["A4.md: it is a symbolic link, expected a file"]
    assert outcome["A5"] == ["say good"]


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
    assert "it looks at {id, file, sha, size, text} of each file, whatever the text" in broken.detail


# --- checks -----------------------------------------------------------------------------------------------------------


def test_checks_go_in_order_and_the_next_sees_only_what_passed(court: Court) -> None:
    court.output = replace(court.output, schema={"required": ["n"]})
    court.check(jq=".n > 1", says="n above 1")
    court.python(
        "def check(items, records, context):\n"
        "    return {item['id']: [str([items, records])] for item in items}\n"
    )  # fmt: skip
    judgement = court.judge([{"id": "A1"}, {"id": "A2", "n": 1}, {"id": "A3", "n": 2}])
    seen = [[{"id": "A3", "data": {"id": "A3", "n": 2}, "records": []}], {"A3": [{"id": "A3", "n": 2}]}]
    assert _outcome(judgement) == {"A1": ["$: 'n' is a required property"], "A2": ["n above 1"], "A3": [str(seen)]}


def test_jq_checks_beside_each_other_all_say_what_they_find(court: Court) -> None:
    court.check(jq=".n > 1", says="n above 1")
    court.check(jq=".words | length > 0", says="some words")
    court.check(jq=".words[0].x == 1", says="x in words")
    court.python("def check(items, records, context):\n    return {item['id']: ['late'] for item in items}\n")
    judgement = court.judge([{"id": "A1", "n": 1, "words": []}, {"id": "A2", "n": 2, "words": "two"}, {"id": "A3"}])
    assert _reasons(judgement, "A1") == ("n above 1", "some words", "x in words")
    assert "x in words (jq: Cannot index" in _reasons(judgement, "A2")[0]
    assert _reasons(judgement, "A3") == ("n above 1", "some words", "x in words")


def test_a_jq_check_that_cannot_be_asked_about_a_rejected_record_adds_nothing(court: Court) -> None:
    court.check(jq='.words | type == "array"', says="a list of words")
    court.check(jq=".words[0].x == 1", says="x in words")
    judgement = court.judge(
        [{"id": "A1", "words": "none"}, {"id": "A2", "words": []}, {"id": "A3", "words": [{"x": 1}]}]
    )
    assert _reasons(judgement, "A1") == ("a list of words",)
    assert _reasons(judgement, "A2") == ("x in words",)
    assert isinstance(judgement.verdicts[ItemId("A3")], Accepted)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (".m", "must be true: .m"),
        ("empty", "must be true: empty"),
        ("true, false", "must be true: true, false"),
        (".n.x", ".n.x (jq: Cannot index number with"),
    ],
)
def test_only_true_and_nothing_else_passes_a_jq_check(court: Court, program: str, reason: str) -> None:
    court.ids = ["A1"]
    court.check(jq=program)
    judgement = court.judge([{"id": "A1", "n": 1}])
    assert reason in _reasons(judgement, "A1")[0]
    assert judgement.broken_check is None


def test_the_context_of_a_python_check_is_what_was_waited_for(court: Court) -> None:
    court.context = {"translate": [{"id": "S1"}]}
    court.python("def check(items, records, context):\n    return {'A1': [str(context)]}\n")
    assert _reasons(court.judge(GOOD), "A1") == ("{'translate': [{'id': 'S1'}]}",)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("exit 0", {}),
        ("echo fail; exit 0", {}),
        ('echo \'{"A2": ["too short"]}\'; exit 1', {"A2": ["too short"]}),
        ("echo all bad; exit 1", {"A1": ["all bad"], "A2": ["all bad"], "A3": ["all bad"]}),
        ('read -r given; [ -n "$given" ] && [ -z "$CANARY" ] && [ "$PWD" = / ]', {}),
    ],
)
def test_a_command_check_rejects_by_its_exit_code(
    court: Court, script: str, outcome: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "seen")
    court.check(command=("/bin/sh", "-c", script))
    judgement = court.judge(GOOD)
    assert judgement.broken_check is None
    assert {item: told for item, told in _outcome(judgement).items() if told[0] not in GOOD} == outcome


def test_a_command_check_reads_items_records_and_context(court: Court) -> None:
    court.context = {"p": [1]}
    court.check(command=("/bin/sh", "-c", "cat; exit 1"))
    court.ids = ["A1"]
    given = {"items": [{"id": "A1", "data": {"id": "A1", "n": 0}, "records": []}], "records": {"A1": [{"id": "A1"}]}}
    judgement = court.judge([{"id": "A1"}])
    assert judgement.broken_check is not None  # what it was given is JSON, but no {id: [reason]}
    assert "'items'" in judgement.broken_check.detail
    court.output = replace(court.output, checks=())
    court.check(command=("/bin/sh", "-c", "echo got; cat; exit 1"))
    text = _reasons(court.judge([{"id": "A1"}]), "A1")[0]
    assert json.loads(text.removeprefix("got\n")) == {**given, "context": {"p": [1]}}


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"command": ("/bin/sh", "-c", "exit 2")}, "exit code 2"),
        ({"command": ("/nowhere/check",)}, r"cannot be run \(exit 127\).*nowhere"),
        ({"command": ("/bin/sh", "-c", "kill -9 $$")}, "SIGKILL"),
        ({"command": ("/bin/sh", "-c", "yes | head -c 2000000; exit 1")}, "printed more than"),
        ({"command": ("/bin/sh", "-c", "yes; exit 1")}, "printed more than"),
        ({"command": ("/bin/sh", "-c", "echo 'Traceback (most recent call last):' >&2; exit 1")}, "exit code 1"),
        ({"command": ("/bin/sh", "-c", 'echo \'{"Z9": ["x"]}\'; exit 1')}, "no item of this group"),
        ({"jq": "def f: f; f"}, "no answer within|processor time|memory"),
        ({"jq": ".n |"}, "syntax error"),
        ({"jq": ".id"}, 'it yields "A[123]", expected true or false'),
        ({"schema": {"$ref": "http://127.0.0.1:9/x"}}, "the schema is broken"),
    ],
)
def test_O12_a_broken_check_is_a_fault_of_the_configuration_and_no_verdict(
    court: Court, check: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.outputs.checks.JQ_S", 0.5)
    court.check(**check)
    judgement = court.judge(GOOD)
    assert judgement.broken_check is not None
    assert (judgement.broken_check.kind, judgement.broken_check.blame) == ("broken_check", "config")
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(judgement.broken_check.detail)
    assert not any(isinstance(verdict, Accepted) for verdict in judgement.verdicts.values())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise KeyError('x')", r"check checks\.py:check is broken: checks\.py:2: KeyError: 'x'"),
        ("return {'Z9': ['x']}", "no item of this group"),
        ("return ['A1']", "must return"),
        ("import os; os.abort()", "SIGABRT"),
    ],
)
def test_O12_a_python_check_that_fails_is_broken(court: Court, body: str, said: str) -> None:
    court.python(f"def check(items, records, context):\n    {body}\n")
    judgement = court.judge(GOOD)
    assert judgement.broken_check is not None
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(judgement.broken_check.detail)


def test_O12_a_command_that_hangs_is_ended_with_all_it_started(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.outputs.checks.COMMAND_S", 2.0)
    court.check(command=("/bin/sh", "-c", f"sleep 600 & echo $! > {court.folder}/pid; sleep 600"))
    judgement = court.judge(GOOD)
    assert judgement.broken_check is not None
    assert "no end within 2 s" in judgement.broken_check.detail
    assert goes(int((court.folder / "pid").read_text()))


HANGS = """
    with open(__file__ + ".asked", "a") as asked:
        asked.write("x")
    while True:
        pass
"""
"""The body of a check that notes each time it is asked, and never answers."""


def test_O12_a_check_that_ran_out_of_time_is_not_run_again_by_those_who_wait_for_it(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.outputs.checks.PYTHON_S", 0.5)
    court.python(f"def check(items, records, context):{HANGS}")
    first, second = court.judge(GOOD).broken_check, court.judge(GOOD).broken_check
    assert first is not None and first == second
    assert (court.folder / "checks.py.asked").read_text() == "x"


@pytest.mark.parametrize("kind", ["python", "command"])
def test_a_check_that_hangs_ends_when_nobody_waits_for_it_any_more(court: Court, kind: str) -> None:
    court.python(f"def check(items, records, context):{HANGS}")
    if kind == "command":
        (court.folder / "checks.py").write_text(f"if True:{HANGS}")
        court.output = replace(court.output, checks=())
        court.check(command=(sys.executable, str(court.folder / "checks.py")))
    court.bounded = Bounded()
    told: list[Exception] = []

    def judge_it() -> None:
        try:
            court.judge(GOOD)
        except HaltedError as error:
            told.append(error)

    thread = threading.Thread(target=judge_it)
    thread.start()
    asked = court.folder / "checks.py.asked"
    while not (asked.exists() and asked.read_text()):
        os.sched_yield()
    court.bounded.halt.call()
    thread.join()
    assert told
    with pytest.raises(HaltedError):
        court.judge(GOOD)
    court.bounded.close()
    assert (court.folder / "checks.py.asked").read_text() == "x"


def test_reasons_are_bounded_in_number_and_length(court: Court) -> None:
    court.python("def check(items, records, context):\n    return {'A1': [f'{n}' + 'x' * 9999 for n in range(99)]}\n")
    reasons = _reasons(court.judge(GOOD), "A1")
    assert len(reasons) == 20
    assert max(map(len, reasons)) == 500
    assert reasons[-1] == "and 80 more reasons"


# --- made items -------------------------------------------------------------------------------------------------------


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
    made = {item: verdict.made for item, verdict in verdicts.items() if isinstance(verdict, Accepted)}
    assert made == {
        "A1": {2: (Item(ItemId("x"), {"lego": "x"}, None, (records[0],)),
                   Item(ItemId("y"), {"lego": "y", "n": 1}, None, (records[0],)))},
        "A2": {2: ()},
        "A3": {2: (Item(ItemId("z"), {"lego": "z"}, None, (records[2],)),)},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("legos", "reason"),
    [
        ([{"n": 1}], "a lego has no text as its id at .lego: {'n': 1}"),
        ([{"lego": 7}], "a lego has no text as its id at .lego: {'lego': 7}"),
        ([{"lego": " "}], "a lego has no text as its id at .lego: {'lego': ' '}"),
        ([{"lego": "y"}, {"lego": "Y"}], "the lego 'Y' is there more than once"),
        ([{"lego": "e\u0301"}, {"lego": "É"}], "the lego 'É' is there more than once"),
        ([{"lego": " y"}], "no lego can be made of it: the id ' y' has white space around it"),
        ([{"lego": "y" * 201}], f"no lego can be made of it: the id '{'y' * 40}'... has 201 characters, more than 200"),
        ([{"lego": "y\n2"}], "no lego can be made of it: the id 'y\\n2' holds a control character"),
        (
            [{"lego": "y\u202e2"}],
            "no lego can be made of it: the id 'y\\u202e2' holds a character that turns the direction of writing",
        ),
        (None, "no lego can be made of it: expected a list at .legos, got None"),
        ("absent", "no lego can be made of it: expected a list at .legos, got 'absent'"),
    ],
)
def test_a_made_item_without_an_id_of_its_own_rejects_the_record(court: Court, legos: Any, reason: str) -> None:
    court.making = [_phase(2, ".legos[]")]
    records = [{"id": "A1", "legos": [{"lego": "x"}]}, {"id": "A2", "legos": legos}, {"id": "A3", "legos": []}]
    judgement = court.judge(records)
    assert _outcome(judgement) == {"A1": [records[0]], "A2": [reason], "A3": [records[2]]}


def test_rows_that_do_not_compile_are_a_broken_configuration(court: Court) -> None:
    court.making = [_phase(2, ".legos[")]
    judgement = court.judge(GOOD)
    assert judgement.broken_check is not None
    assert "rows of phase p2" in judgement.broken_check.detail


def test_rows_that_raise_for_one_record_reject_that_record(court: Court) -> None:
    court.making = [_phase(2, ".legos | .[]")]
    judgement = court.judge([{"id": "A1", "legos": []}, {"id": "A2"}, {"id": "A3", "legos": []}])
    assert _reasons(judgement, "A2") == ("no lego can be made of it: jq: Cannot iterate over null (null)",)
    assert judgement.broken_check is None
