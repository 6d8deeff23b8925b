"""300 simulated nights, and eight planted faults that they must catch."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core import settle as settling
from harness.core.events import Event, ItemFailed, ItemStruck, UsageSettled
from harness.core.types import Ending
from harness.ledger import pieces, queries
from harness.ledger.store import Ledger, Transaction
from harness.supervisor import attempt as attempting
from harness.supervisor import supervisor as supervising
from tests.simulation.universe import Universe

SEEDS = 300


@pytest.mark.parametrize("block", range(0, SEEDS, 25))
def test_the_promise_holds_in_every_simulated_night(block: int, tmp_path: Path) -> None:
    for seed in range(block, block + 25):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            Universe(seed, folder).play()
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def _strike_for_everything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "_NO_STRIKE", ())


def _forget_unknown_costs(patch: pytest.MonkeyPatch) -> None:
    usage = settling._usage

    def forgetful(open_: settling.Open, ending: Ending) -> UsageSettled:
        told = usage(open_, ending)
        return told if told.known else replace(told, charged_microusd=0)

    patch.setattr(settling, "_usage", forgetful)


def _reserve_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(supervising, "reservation", lambda job, phase: 0)
    patch.setattr(attempting, "reservation", lambda job, phase: 0)


def _fail_in_company(patch: pytest.MonkeyPatch) -> None:
    def strike_each(self: settling._Rest) -> list[Event]:
        open_, phase = self.open_, self.open_.batch.phase
        events: list[Event] = [ItemStruck(open_.attempt, phase, each.id, ("wrong",)) for each in self.members]
        out = [each for each in self.members if each.strikes + 1 >= open_.strikes_allowed]
        events += [ItemFailed(open_.attempt, phase, each.id, "wrong") for each in out]
        rest = [each for each in self.members if each not in out]
        return [*events, *([settling._again(open_, rest, "retry", open_.next_group)] if rest else [])]

    patch.setattr(settling._Rest, "_strike_each", strike_each)


def _leave_lost_attempts_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(queries, "unsettled", lambda db: [])


def _lose_wake_ups(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(supervising.Supervisor, "wake", lambda self: None)


def _merge_in_order_of_acceptance(patch: pytest.MonkeyPatch) -> None:
    def by_sequence(db: sqlite3.Connection, phase: int) -> Iterator[pieces.Piece]:
        rows = db.execute(
            "SELECT item, sha, offset, length_bytes, records FROM accepted WHERE phase = ? ORDER BY seq", (phase,)
        )
        return (pieces.Piece(*row) for row in rows)

    patch.setattr(pieces, "merge_pieces", by_sequence)


def _acknowledge_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def eager(self: Ledger) -> Iterator[Transaction]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield Transaction(self.db, self._clock)
            self.around_commit("after")
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    patch.setattr(Ledger, "transaction", eager)


@pytest.mark.parametrize(
    ("plant", "catches"),
    [
        (_strike_for_everything, "V3"),
        (_forget_unknown_costs, "V4b"),
        (_reserve_nothing, "V4"),
        (_fail_in_company, "V3"),
        (_leave_lost_attempts_open, "AssertionError"),
        (_lose_wake_ups, "nothing is scheduled"),
        (_merge_in_order_of_acceptance, "V2"),
        (_acknowledge_before_the_commit, "V0"),
    ],
)
def test_a_planted_fault_is_caught(
    plant: Callable[[pytest.MonkeyPatch], None], catches: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in range(200):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            Universe(seed, folder).play()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            assert catches in _in_words(error)
            return
    pytest.fail("the planted fault survived 200 seeds")


def _in_words(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return " ".join(_in_words(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"
