"""Laws of what is asked of a ledger: of items that failed, of groups that wait, of phases to come, of what was kept."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.base.clock import SystemClock, to_text
from harness.base.ids import AttemptId, ItemId
from harness.base.reason import Reason
from harness.core.events import (
    AttemptEnded,
    AttemptStarted,
    BatchPlanned,
    Event,
    GroupQueued,
    ItemAccepted,
    ItemAdded,
    ItemReopened,
    ItemStruck,
    JobPlanned,
    PlannedPhase,
)
from harness.core.messages import message
from harness.core.run_events import FingerprintKept, HoldLifted, HoldPlaced, RunStarted
from harness.core.settle import NO_STRIKE_RETRIES
from harness.ledger import cost_samples, group_queries, item_queries, past_attempts
from harness.ledger.open_attempts import open_attempt
from harness.ledger.past_attempts import acceptance
from harness.ledger.run_queries import run_state
from harness.ledger.store import Ledger, entries
from harness.ledger.verification import read_only
from harness.ledger.withdrawal import Word, withdraw

WRONG = Reason.said("wrong")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A job of two phases and three items, of which the second phase has seen none; one batch."""
    ledger = Ledger.open(tmp_path / "ledger.db", SystemClock(), durable=False)
    first, second = (PlannedPhase(n, f"p{n}", "item", n - 1, "own", False, 3) for n in (1, 2))
    added = [ItemAdded(1, item, None, item, f"{n:08d}", 1, {}, "sha") for n, item in enumerate("abc")]
    ledger.record(JobPlanned("job", "item", False, "0", {}, (first, second), 3), *added)
    ledger.record(BatchPlanned(1, 1, 0, ("a", "b", "c"), 1), RunStarted(1, "host", "0", 1, None, "off", "none"))
    return ledger


def _attempt(number: int, group: int, items: Sequence[str] = "abc", *, fault: str = "", why: str = "") -> list[Event]:
    """One that strikes the first of these items, or breaks down; the group waits again under the next number."""
    folder = f"attempts/{number:06d}-p1-b1"
    started = AttemptStarted(number, "t", group, 1, 1, 0, tuple(items), "s", "command", None, "p", 0, folder)
    struck = [] if fault else [ItemStruck(number, 1, items[0], rejections=(WRONG,))]
    retries = NO_STRIKE_RETRIES if fault else 0
    again = GroupQueued(group + 1, 1, 1, 0, tuple(items), 1, why or "retry", retries)  # type: ignore[arg-type]  # one of its words
    blame, outcome = ("host", "no_strike") if fault else (None, "partial")
    ended = AttemptEnded(number, outcome, fault or None, blame, "", 0.1, "s", None, None)  # type: ignore[arg-type]  # as above
    return [started, *struck, again, ended]


def test_only_items_that_were_rejected_have_reasons_and_they_are_those_of_the_last_try(ledger: Ledger) -> None:
    ledger.record(*_attempt(1, 1))
    group = group_queries.next_ready(ledger.db)
    assert group is not None
    assert item_queries.reasons_of(ledger.db, group) == {ItemId("a"): (WRONG,)}


@pytest.mark.parametrize(("why", "late"), [("reopened", True), ("retry", False), ("alone", False), ("repeated", False)])
def test_only_what_a_person_put_back_runs_beside_the_plan(ledger: Ledger, why: str, late: bool) -> None:
    ledger.record(*_attempt(1, 1, why=why))
    group = group_queries.next_ready(ledger.db)
    assert group is not None and group.late is late


@pytest.mark.parametrize("first", [1, 3], ids=["the shorter first", "the longer first"])
def test_the_longer_of_two_holds_counts_in_either_order(ledger: Ledger, first: int) -> None:
    untils = {hours: f"2026-11-20T2{hours}:00:00.000Z" for hours in (1, 3)}
    for hours in (first, 4 - first):
        ledger.record(HoldPlaced(1, "", untils[hours], message("provider_fault", fault=f"for {hours}")))
    hold = run_state(ledger.db).hold
    assert hold is not None and (to_text(hold[0]), hold[1].facts["fault"]) == (untils[3], "for 3")


def test_a_hold_that_is_lifted_is_gone_and_faults_are_counted_from_the_start(ledger: Ledger) -> None:
    ledger.record(HoldPlaced(1, "", "2026-11-20T23:00:00.000Z", message("provider_fault", fault="overloaded")))
    ledger.db.execute("UPDATE job SET provider_faults_in_a_row = 4")
    ledger.record(HoldLifted("anna"))
    state = run_state(ledger.db)
    assert (state.hold, state.provider_faults_in_a_row) == (None, 0)


def test_what_is_accepted_must_have_been_worked_on(ledger: Ledger) -> None:
    with pytest.raises(AssertionError):
        ledger.record(ItemAccepted(1, 1, "a", "sha", 0, 1, 1))


def test_a_group_says_what_it_waits_for(ledger: Ledger) -> None:
    ledger.db.execute("INSERT INTO needs(group_id, phase, number) VALUES(1, 1, 4), (1, 1, 2)")
    (group,) = group_queries.open_groups(ledger.db)
    assert [(need.phase, need.number) for need in group.needs] == [(1, 2), (1, 4)]


def test_what_later_phases_will_have_to_do_is_estimated_from_the_first(ledger: Ledger) -> None:
    rests = cost_samples.rests(ledger.db, parallel=4)
    assert [(rest.phase, rest.items, rest.at_once) for rest in rests] == [(1, 3.0, 4), (2, 3.0, 4)]


def test_the_rows_that_a_person_kept_are_those_of_the_last_time_items_were_asked_about(ledger: Ledger) -> None:
    assert past_attempts.kept_rows(ledger.db) == {}
    ledger.record(FingerprintKept({}, source="digest", rows={"a": "sha of a"}))
    ledger.record(FingerprintKept({"prompt": "x"}))
    assert past_attempts.kept_rows(ledger.db) == {"a": "sha of a"}


@pytest.mark.parametrize(
    ("fault", "breakdowns"), [("killed", 2), ("disk", 0), ("suspended", 0), ("supervisor_lost", 0)]
)
def test_an_item_answers_for_breakdowns_but_not_for_a_full_disk_or_a_lost_supervisor(
    ledger: Ledger, fault: str, breakdowns: int
) -> None:
    ledger.record(*_attempt(1, 1, fault=fault), *_attempt(2, 2, fault=fault))
    ledger.record(_attempt(3, 3)[0])
    assert open_attempt(ledger.db, AttemptId(3), 3).breakdowns == breakdowns


def test_an_acceptance_is_taken_back_once(ledger: Ledger) -> None:
    started, _, _, ended = _attempt(1, 1, items="a")
    ledger.record(started, ItemAccepted(1, 1, "a", "sha", 0, 1, 1), ended)
    taken = acceptance(ledger.db, 1, ItemId("a"))
    assert taken is not None
    word = Word("anna", "looked at it", (WRONG,))
    for left in ([taken], []):
        with ledger.transaction() as transaction:
            assert withdraw(transaction, [taken], word) == left
    reopened = [entry.event for entry in entries(ledger.db) if isinstance(entry.event, ItemReopened)]
    assert [event.item for event in reopened] == ["a"]
    group = group_queries.next_ready(ledger.db)
    assert group is not None
    assert item_queries.reasons_of(ledger.db, group) == {ItemId("a"): (WRONG,)}, "the next session is told why"


def test_a_reader_may_work_for_as_long_as_a_ledger_takes_and_no_longer(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    much = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n"
    with read_only(ledger.path) as db:
        assert db.execute(much).fetchone() == (300_000,)
    monkeypatch.setattr("harness.ledger.verification._MOST_LOOKS", 1)
    with read_only(ledger.path) as db, pytest.raises(sqlite3.OperationalError):
        db.execute(much).fetchone()
