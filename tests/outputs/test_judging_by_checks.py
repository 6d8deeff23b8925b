"""The checks of a judge: each in its order, broken ones told apart from verdicts, and none that holds up anybody."""

import json
import os
import re
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest

from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.messages import message
from harness.core.types import Accepted, Item, Judgement
from harness.evaluation.bounded import Bounded
from harness.evaluation.cancellation import HaltedError
from harness.outputs.suspects import KnownGood
from harness.views.fault_words import fault_text
from tests.covers import covers
from tests.ended import goes
from tests.outputs.conftest import GOOD, Court, outcome_of, reasons_for, why


def said(judgement: Judgement, item: str) -> list[str]:
    """What the manifest says of the checks that reject the item."""
    return [str(reason.facts["says"]) for reason in reasons_for(judgement, item)]


def test_checks_go_in_order_and_the_next_sees_only_what_passed(court: Court) -> None:
    court.output = replace(court.output, schema={"required": ["n"]})
    court.check(jq=".n > 1", says="n above 1")
    court.python(
        "def check(items, records, context):\n"
        "    return {item['id']: [str([items, records])] for item in items}\n"
    )  # fmt: skip
    judgement = court.judge([{"id": "A1"}, {"id": "A2", "n": 1}, {"id": "A3", "n": 2}])
    seen = [[{"id": "A3", "data": {"id": "A3", "n": 2}, "records": []}], {"A3": [{"id": "A3", "n": 2}]}]
    assert outcome_of(judgement) == {
        "A1": [why("schema", ".n", at="$", message="'n' is a required property")],
        "A2": [why("jq_false", program=".n > 1", says="n above 1")],
        "A3": [why("check", message=str(seen))],
    }


def test_jq_checks_beside_each_other_all_say_what_they_find(court: Court) -> None:
    court.check(jq=".n > 1", says="n above 1")
    court.check(jq=".words | length > 0", says="some words")
    court.check(jq=".words[0].x == 1", says="x in words")
    court.python("def check(items, records, context):\n    return {item['id']: ['late'] for item in items}\n")
    judgement = court.judge([{"id": "A1", "n": 1, "words": []}, {"id": "A2", "n": 2, "words": "two"}, {"id": "A3"}])
    assert said(judgement, "A1") == ["n above 1", "some words", "x in words"]
    assert said(judgement, "A2") == ["x in words"] and reasons_for(judgement, "A2")[0].kind == "jq_error"
    assert said(judgement, "A3") == ["n above 1", "some words", "x in words"]


def test_a_jq_check_that_cannot_be_asked_about_a_rejected_record_adds_nothing(court: Court) -> None:
    court.check(jq='.words | type == "array"', says="a list of words")
    court.check(jq=".words[0].x == 1", says="x in words")
    judgement = court.judge(
        [{"id": "A1", "words": "none"}, {"id": "A2", "words": []}, {"id": "A3", "words": [{"x": 1}]}]
    )
    assert said(judgement, "A1") == ["a list of words"]
    assert said(judgement, "A2") == ["x in words"]
    assert isinstance(judgement.verdicts[ItemId("A3")], Accepted)


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        (".m", "jq_false"),
        ("empty", "jq_false"),
        ("true, false", "jq_false"),
        (".n.x", "jq_error"),
    ],
)
def test_only_true_and_nothing_else_passes_a_jq_check(court: Court, program: str, kind: str) -> None:
    court.ids = ["A1"]
    court.check(jq=program)
    judgement = court.judge([{"id": "A1", "n": 1}])
    (reason,) = reasons_for(judgement, "A1")
    assert (reason.kind, reason.facts["program"]) == (kind, program)
    assert judgement.broken_check is None


@covers("A79")
def test_the_context_of_a_python_check_is_what_was_waited_for(court: Court) -> None:
    court.context = {"translate": [{"id": "S1"}]}
    court.python("def check(items, records, context):\n    return {'A1': [str(context)]}\n")
    assert reasons_for(court.judge(GOOD), "A1") == (why("check", message="{'translate': [{'id': 'S1'}]}"),)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("exit 0", {}),
        ("echo fail; exit 0", {}),
        ('echo \'{"A2": ["too short"]}\'; exit 1', {"A2": [why("check", message="too short")]}),
        ("echo all bad; exit 1", {item: [why("check", message="all bad")] for item in ("A1", "A2", "A3")}),
        ('read -r given; [ -n "$given" ] && [ -z "$CANARY" ] && [ "$PWD" = / ]', {}),
    ],
)
def test_a_command_check_rejects_by_its_exit_code(
    court: Court, script: str, outcome: dict[str, list[Reason]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "seen")
    court.check(command=("/bin/sh", "-c", script))
    judgement = court.judge(GOOD)
    assert judgement.broken_check is None
    assert {item: told for item, told in outcome_of(judgement).items() if told[0] not in GOOD} == outcome


def test_a_command_check_reads_items_records_and_context(court: Court) -> None:
    court.context = {"p": [1]}
    court.check(command=("/bin/sh", "-c", "cat; exit 1"))
    court.ids = ["A1"]
    given = {"items": [{"id": "A1", "data": {"id": "A1", "n": 0}, "records": []}], "records": {"A1": [{"id": "A1"}]}}
    judgement = court.judge([{"id": "A1"}])
    assert judgement.raised_check is not None  # what it was given is JSON, but no {id: [reason]}
    assert "'items'" in fault_text(judgement.raised_check.why)
    court.output = replace(court.output, checks=())
    court.check(command=("/bin/sh", "-c", "echo got; cat; exit 1"))
    text = reasons_for(court.judge([{"id": "A1"}]), "A1")[0].facts["message"]
    assert json.loads(text.removeprefix("got\n")) == {**given, "context": {"p": [1]}}


RAISES = [
    ({"command": ("/bin/sh", "-c", "exit 2")}, "exit code 2"),
    ({"command": ("/bin/sh", "-c", "kill -9 $$")}, "SIGKILL"),
    ({"command": ("/bin/sh", "-c", "yes | head -c 2000000; exit 1")}, "printed more than"),
    ({"command": ("/bin/sh", "-c", "yes; exit 1")}, "printed more than"),
    ({"command": ("/bin/sh", "-c", "echo 'Traceback (most recent call last):' >&2; exit 1")}, "exit code 1"),
    ({"command": ("/bin/sh", "-c", 'echo \'{"Z9": ["x"]}\'; exit 1')}, "not an item of this group"),
    ({"jq": ".id"}, 'it returned "A[1239]", expected true or false'),
    ({"python": "raise KeyError('x')"}, r"checks\.py:2: KeyError: 'x'"),
    ({"python": "return {'Z9': ['x']}"}, "not an item of this group"),
    ({"python": "return ['A1']"}, "must return"),
    ({"python": "import os; os.abort()"}, "SIGABRT"),
]


def _names(court: Court, check: dict[str, Any]) -> None:
    if "python" in check:
        court.python(f"def check(items, records, context):\n    {check['python']}\n")
    else:
        court.check(**check)


@pytest.mark.parametrize(("check", "said"), RAISES)
def test_O12_a_check_that_raises_is_doubted_and_broken_when_it_raises_at_a_good_record_too(
    court: Court, check: dict[str, Any], said: str
) -> None:
    court.ids = ["A1"]
    _names(court, check)
    suspected = court.judge([{"id": "A1"}])
    assert suspected.raised_check is not None and suspected.broken_check is None
    assert (suspected.raised_check.kind, suspected.raised_check.blame) == ("check_raised", "config")
    assert re.search(said, fault_text(suspected.raised_check.why))
    (reason,) = reasons_for(suspected, "A1")
    assert reason.kind == "check_raised" and re.search(said, reason.facts["message"])
    court.accepted = KnownGood(Item(ItemId("A9"), {}), [{"id": "A9"}])
    broken = court.judge([{"id": "A1"}]).broken_check
    assert broken is not None and (broken.kind, broken.blame) == ("broken_check", "config")
    assert re.search(said, fault_text(broken.why))


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"command": ("/nowhere/check",)}, r"cannot be run \(exit 127\).*nowhere"),
        ({"jq": ".n |"}, "syntax error"),
        ({"schema": {"$ref": "http://127.0.0.1:9/x"}}, "the schema is broken"),
        ({"python": "pass\nimport nowhere"}, r"check checks\.py:check is broken: .*nowhere"),
    ],
)
def test_O12_a_check_that_does_not_work_without_any_record_is_broken_at_once(
    court: Court, check: dict[str, Any], said: str
) -> None:
    _names(court, check)
    judgement = court.judge(GOOD)
    assert judgement.broken_check is not None and re.search(said, fault_text(judgement.broken_check.why))
    assert not any(isinstance(verdict, Accepted) for verdict in judgement.verdicts.values())


ADDS = "import json, sys; [found[0]['n'] + 1 for found in json.load(sys.stdin)['records'].values()]"
ODD = [
    ({"python": "return {i: [] for i in records if records[i][0]['n'] + 1}"}, "x", r"checks\.py:2: TypeError"),
    ({"command": (sys.executable, "-c", ADDS)}, "x", "exit code 1.*TypeError"),
    ({"schema": {"properties": {"n": {"pattern": "^(a+)+$"}}}}, "a" * 40 + "!", "processor time|no answer"),
    ({"jq": 'if .n == "x" then "x" else true end'}, "x", 'it returned "x"'),
]  # fmt: skip


@pytest.mark.parametrize(("check", "odd", "said"), ODD)
def test_one_odd_record_is_its_own_items_reason_and_the_others_are_accepted(
    court: Court, check: dict[str, Any], odd: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.outputs.check_questions.SCHEMA_S", 0.2)
    _names(court, check)
    judgement = court.judge([{"id": "A1", "n": 1}, {"id": "A2", "n": odd}, {"id": "A3", "n": 3}])
    assert judgement.broken_check is None and judgement.raised_check is None
    (reason,) = reasons_for(judgement, "A2")
    assert reason.kind == "check_raised" and re.search(said, reason.facts["message"])
    assert [item for item, verdict in judgement.verdicts.items() if isinstance(verdict, Accepted)] == ["A1", "A3"]
    court.ids = ["A2"]  # alone, it is judged by what the check has let pass in this run
    alone = court.judge([{"id": "A2", "n": odd}])
    assert alone.raised_check is None
    assert reasons_for(alone, "A2") == reasons_for(judgement, "A2")


@pytest.mark.parametrize(
    "check", [{"python": "raise TypeError"}, {"jq": ".n |"}], ids=["a check that raises", "a check that is broken"]
)
def test_a_check_that_does_not_answer_takes_no_note_away(court: Court, check: dict[str, Any]) -> None:
    _names(court, check)
    court.write("out.json", f"```json\n{json.dumps(GOOD)}\n```")
    judgement = court.judge()
    assert judgement.raised_check or judgement.broken_check
    assert judgement.notes == (message("markdown_fence", file="out.json"),)


def test_of_many_items_every_odd_one_is_found(court: Court) -> None:
    court.ids = [f"A{number}" for number in range(40)]
    court.python("def check(items, records, context):\n    return {i: [] for i in records if records[i][0]['n'] + 1}\n")
    records = [{"id": id_, "n": "x" if at in (3, 4, 39) else at} for at, id_ in enumerate(court.ids)]
    verdicts = court.judge(records).verdicts
    assert [item for item, verdict in verdicts.items() if not isinstance(verdict, Accepted)] == ["A3", "A4", "A39"]


def test_what_a_check_says_of_the_rest_it_says_of_all_of_them_together(court: Court) -> None:
    court.python("""def check(items, records, context):
    sums = {i: records[i][0]["n"] + 1 for i in records}
    return {i: ["the same as another"] for i in records if list(sums.values()).count(sums[i]) > 1}
""")
    judgement = court.judge([{"id": "A1", "n": 1}, {"id": "A2", "n": "x"}, {"id": "A3", "n": 1}])
    assert (
        reasons_for(judgement, "A1") == reasons_for(judgement, "A3") == (why("check", message="the same as another"),)
    )


def test_O12_a_command_that_hangs_is_ended_with_all_it_started(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.outputs.check_questions.COMMAND_S", 2.0)
    court.check(command=("/bin/sh", "-c", f"sleep 600 & echo $! > {court.folder}/pid; sleep 600"))
    court.ids = ["A1"]
    judgement = court.judge([{"id": "A1"}])
    assert judgement.raised_check is not None
    assert "no end within 2 s" in fault_text(judgement.raised_check.why)
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
    monkeypatch.setattr("harness.outputs.check_questions.PYTHON_S", 0.3)
    court.ids = ["A1"]
    court.python(f"def check(items, records, context):{HANGS}")
    judged = [court.judge([{"id": "A1"}]) for _ in range(4)]
    assert [each.broken_check is None for each in judged] == [True, True, False, False]
    assert judged[2].broken_check == judged[3].broken_check
    assert (court.folder / "checks.py.asked").read_text() == "xxx"


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


@covers("A74")
def test_reasons_are_bounded_in_number_and_length(court: Court) -> None:
    court.python("def check(items, records, context):\n    return {'A1': [f'{n}' + 'x' * 9999 for n in range(99)]}\n")
    reasons = reasons_for(court.judge(GOOD), "A1")
    assert len(reasons) == 20
    assert max(len(reason.facts["message"]) for reason in reasons[:-1]) == 500
    assert reasons[-1] == why("more", number=80)


@pytest.mark.parametrize(("check", "is_broken"), [("raise ValueError('oh')", False), ("if so:", True)])
def test_what_was_noted_of_an_output_stays_although_a_check_does_not_work(
    court: Court, check: str, is_broken: bool
) -> None:
    """A byte order mark and an id that nobody asked for, beside a check that raises, and one that cannot be loaded."""
    court.python(f"def check(items, records, context):\n    {check}\n")
    court.write("out.json", "\ufeff" + json.dumps([*GOOD, {"id": "B9"}]))
    judged = court.judge()
    assert (judged.raised_check is None, judged.broken_check is None) == (is_broken, not is_broken)
    assert message("byte_order_mark", file="out.json") in judged.notes
    assert judged.invented
