"""Which fault strikes which request, and when it has healed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.rehearsal.fault_orders import parse_faults
from harness.rehearsal.play import Played, Say, Vanish, play
from harness.rehearsal.question import Question
from harness.rehearsal.refusals import Refuse
from harness.rehearsal.request_history import RequestHistory
from harness.rehearsal.request_log import LoggedRequest
from harness.rehearsal.scene import InjectedFault, Records, Reply, Text, Tool, Turn

NOW = 1_800_000_000.0
GOOD = Records([{"id": "A1"}, {"id": "A2"}])


class Table:
    """Plays requests one after the other and logs them, as the server does."""

    def __init__(self, log: Path, logged: Callable[..., LoggedRequest]) -> None:
        self.log = log
        self.logged = logged
        self.past = RequestHistory(log)

    def reopen(self) -> None:
        self.past = RequestHistory(self.log)

    def play(self, question: Question, reply: Reply = GOOD, faults: str = "", now_s: float = NOW) -> Played:
        played = play(question, reply, parse_faults(faults), self.past, now_s)
        logged = self.logged(self.past.next_number, question, played)
        self.past.append(replace(logged, time=datetime.fromtimestamp(now_s, UTC)))
        return played


@pytest.fixture
def table(tmp_path: Path, logged: Callable[..., LoggedRequest]) -> Table:
    return Table(tmp_path / "requests.jsonl", logged)


Asking = Callable[..., Question]


def _status(played: Played) -> int | None:
    return played.act.status if isinstance(played.act, Refuse) else 200 if isinstance(played.act, Say) else None


def test_a_fault_heals_after_its_times_and_a_restart_forgets_nothing(table: Table, asking: Asking) -> None:
    fault = InjectedFault("529", times=3, then=GOOD)
    question = asking("A1", "A2")
    assert [_status(table.play(question, fault)) for _ in range(2)] == [529, 529]
    table.reopen()
    assert [_status(table.play(question, fault)) for _ in range(2)] == [529, 200]


def test_a_fault_without_times_never_heals(table: Table, asking: Asking) -> None:
    assert {_status(table.play(asking("A1"), InjectedFault("500", times=None))) for _ in range(20)} == {500}


def test_an_outage_refuses_everybody_for_its_time_however_often(table: Table, asking: Asking) -> None:
    faults = "529=60"
    statuses = [
        _status(table.play(asking(item), faults=faults, now_s=NOW + after))
        for item, after in (("A1", 0), ("A1", 1), ("A2", 30), ("A1", 59.9), ("A1", 60.1), ("A2", 61))
    ]
    assert statuses == [529, 529, 529, 529, 200, 200]


def test_a_fault_is_counted_for_its_own_group_unless_it_has_a_tag(table: Table, asking: Asking) -> None:
    one, other = asking("A1"), asking("A2")
    assert [_status(table.play(question, InjectedFault("500"))) for question in (one, one, other)] == [500, 200, 500]
    tagged = InjectedFault("500", tag="shared")
    assert [_status(table.play(question, tagged)) for question in (one, other)] == [500, 200]


def test_a_refused_session_stays_refused_and_the_next_is_not(table: Table, asking: Asking) -> None:
    first, second = asking("A1"), asking("A1")
    acts = [table.play(question, InjectedFault("refusal")).act for question in (first, first, first, second, first)]
    stops = [act.turn.stop for act in acts if isinstance(act, Say)]
    assert stops == ["refusal", "refusal", "refusal", "tool_use", "refusal"]
    assert table.past.count("refusal", {}) == 1


def test_fault_may_lie_on_fault(table: Table, asking: Asking) -> None:
    both = InjectedFault("529", then=InjectedFault("missing_item", then=GOOD))
    question = asking("A1", "A2")
    assert _status(table.play(question, both)) == 529
    act = table.play(question, both).act
    assert isinstance(act, Say)
    (write,) = act.turn.blocks
    assert isinstance(write, Tool)
    assert "A2" not in write.input["content"]


def test_a_cut_never_strikes_the_answer_that_is_not_streamed(table: Table, asking: Asking) -> None:
    question = asking("A1")
    plain = replace(question, stream=False)
    cut = InjectedFault("cut", times=None, then=GOOD)
    streamed, whole = table.play(question, cut).act, table.play(plain, cut).act
    assert isinstance(streamed, Say)
    assert isinstance(whole, Say)
    assert (streamed.manner, whole.manner) == ("cut", "whole")


def test_P05_a_limit_stops_every_session_until_its_reset(table: Table, asking: Asking) -> None:
    one, other = asking("A1"), asking("A2")
    limit = InjectedFault("limit", seconds=30.5, window="seven_day", then=GOOD)
    first = table.play(one, limit)
    assert first.until == NOW + 31
    assert [_status(table.play(other, GOOD, now_s=NOW + at)) for at in (1, 30.9, 31)] == [429, 429, 200]
    assert _status(table.play(one, limit, now_s=NOW + 31)) == 200


def test_P05_a_limit_outlives_a_restart_of_the_server(table: Table, asking: Asking) -> None:
    table.play(asking("A1"), InjectedFault("limit", seconds=30))
    table.reopen()
    act = table.play(asking("A2"), now_s=NOW + 10).act
    assert isinstance(act, Refuse)
    assert act.headers["anthropic-ratelimit-unified-reset"] == str(int(NOW + 30))
    assert act.headers["anthropic-ratelimit-unified-representative-claim"] == "five_hour"


def test_P07_a_limit_may_be_on_again_after_its_reset(table: Table, asking: Asking) -> None:
    question, limit = asking("A1"), InjectedFault("limit", times=3, seconds=10, then=GOOD)
    assert [_status(table.play(question, limit, now_s=NOW + at)) for at in (0, 10, 20, 30)] == [429, 429, 429, 200]


def test_ordered_faults_wait_for_their_session_and_their_item(table: Table, asking: Asking) -> None:
    one, two, three = asking("A1"), asking("A2"), asking("A1", "A2")
    assert [_status(table.play(question, faults="500@2")) for question in (one, one, two, three)] == [
        200,
        200,
        500,
        200,
    ]
    faults = "500:*/A1"
    assert [_status(table.play(question, faults=faults)) for question in (one, two, three)] == [500, 200, 500]


def test_the_first_order_comes_first(table: Table, asking: Asking) -> None:
    question = asking("A1")
    statuses = [_status(table.play(question, faults="529:2,500")) for _ in range(4)]
    assert statuses == [529, 529, 500, 200]


def test_a_session_that_dies_after_writing_has_written(table: Table, asking: Asking) -> None:
    dies = InjectedFault("die_after_writing", then=GOOD)
    first = asking("A1", "A2")
    again = asking("A1", "A2", step=1, session=first.ask.session)
    written = table.play(first, dies).act
    assert isinstance(written, Say)
    assert written.turn.stop == "tool_use"
    assert [table.play(again, dies).act for _ in range(5)] == [Vanish("drop")] * 5
    assert isinstance(table.play(asking("A1", "A2"), dies).act, Say)


def test_records_are_written_after_whatever_came_before_and_never_over_a_scenes_own(
    table: Table, asking: Asking
) -> None:
    def stop(name: str, **input_: str) -> object:
        question = asking("A1", "A2", before=[{"type": "tool_use", "id": "own", "name": name, "input": input_}])
        act = table.play(question).act
        return act.turn.stop if isinstance(act, Say) else None

    assert stop("Read", file_path="/mnt/work/input.txt") == "tool_use"
    assert stop("Write", file_path="/mnt/work/notes.md", content="x") == "tool_use"
    assert stop("Write", file_path="/mnt/work/output.json", content="[]") == "end_turn"


def test_a_scene_counts_what_it_tagged(table: Table, asking: Asking) -> None:
    one, other = asking("A1", "A2", history=table.past), asking("A3", batch="2", history=table.past)
    for question in (one, one, other):
        table.play(question, Turn([Text("x")], tag="seen"))
    assert one.ask.count("seen") == 3
    assert one.ask.count("seen", batch="2") == one.ask.count("seen", id="A3") == 1
    assert one.ask.count("seen", id="A1", phase="main") == 2
    assert one.ask.count("never") == 0
    with pytest.raises(ValueError, match=r"ask\.count can match"):
        one.ask.count("seen", item="A1")


def test_an_unknown_fault_or_parameter_is_told_to_the_author() -> None:
    wrong: Any = {"secnds": 3}
    with pytest.raises(ValueError, match="unknown fault 'refusl', did you mean 'refusal'"):
        InjectedFault("refusl")
    with pytest.raises(ValueError, match="no parameter 'secnds'; it takes: seconds, window"):
        InjectedFault("limit", **wrong)


def test_chance_depends_on_the_seed_and_the_group_and_not_on_the_attempt(asking: Asking) -> None:
    one, again, alone = asking("A1", "A2").ask, asking("A1", "A2").ask, asking("A2").ask
    assert one.attempt != again.attempt
    assert one.rng.random() == again.rng.random()
    assert one.rng_of("A2").random() == alone.rng_of("A2").random()
    assert one.rng_of("A1").random() != one.rng_of("A2").random()
