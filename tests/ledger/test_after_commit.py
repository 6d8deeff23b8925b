"""Subscribers of the ledger: woken after a commit, never inside it, and no danger to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.clock import SystemClock
from harness.core.run_events import Paused, Resumed
from harness.ledger.entry_queries import last_seq
from harness.ledger.store import Ledger, opened_for_reading
from tests.commits import around_commits


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db", SystemClock(), durable=False) as opened:
        yield opened


def test_a_subscriber_reads_on_a_connection_of_its_own_what_it_was_woken_for(ledger: Ledger) -> None:
    woken: list[tuple[int, int]] = []

    def wake(seq: int) -> None:
        with opened_for_reading(ledger.path) as db:
            woken.append((seq, last_seq(db)))

    ledger.after_commit(wake)
    ledger.record(Paused("anna"), Resumed("anna"))
    ledger.record(Paused("anna"))
    assert woken == [(2, 2), (3, 3)]


def test_joined_transactions_wake_once_when_they_are_durable(ledger: Ledger) -> None:
    woken: list[int] = []
    ledger.after_commit(woken.append)
    with ledger.joined():
        ledger.record(Paused("anna"))
        ledger.record(Resumed("anna"))
        assert not woken
    assert woken == [2]


def test_what_is_undone_wakes_nobody(ledger: Ledger) -> None:
    woken: list[int] = []
    ledger.after_commit(woken.append)
    with pytest.raises(KeyError), ledger.transaction() as transaction:
        transaction.record([Paused("anna")])
        raise KeyError

    def full(moment: str) -> None:
        raise OSError

    around_commits(ledger, full)
    with pytest.raises(OSError):
        ledger.record(Paused("anna"))
    assert not woken


def test_a_subscriber_that_raises_harms_neither_the_run_nor_another_one(ledger: Ledger) -> None:
    woken: list[str] = []

    def fail(seq: int) -> None:
        woken.append(f"failing {seq}")
        raise ValueError

    ledger.after_commit(fail)
    ledger.after_commit(lambda seq: woken.append(f"other {seq}"))
    ledger.record(Paused("anna"))
    ledger.record(Resumed("anna"))
    assert woken == ["failing 1", "other 1", "failing 2", "other 2"]
    assert last_seq(ledger.db) == 2
