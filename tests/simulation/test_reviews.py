"""Nights in which people take back what is done, while it runs and afterwards, and have old attempts judged again."""

import contextlib
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.core import events as e
from harness.core.types import Accepted, Item, Json, SessionEvent, Verdict
from harness.core.work import Work
from harness.ledger import (
    apply,
    apply_items,
    edits,
    entry_queries,
    item_queries,
    new_round,
    past_attempts,
    pieces,
    spool,
)
from harness.ledger.edits import EditedRow
from harness.ledger.store import Entry, Ledger
from harness.planning.job_plan import Agreed
from harness.review.rejudge import rejudge
from harness.supervisor import requests
from harness.supervisor.beginning import Beginning
from harness.supervisor.duplicate_ids import DuplicateIds
from harness.supervisor.outcome import Finished
from harness.supervisor.run_context import JobContext
from tests.simulation.judging import SimulatedJudge
from tests.simulation.script import draw
from tests.simulation.universe import Universe
from tests.simulation.watcher import Key, Watcher

SEEDS = 45


class _DoubtfulWatcher(Watcher):
    """Knows that an acceptance stands until a person takes it back or edits its row, and what goes with it."""

    withdrawn: dict[Key, int]
    """The newest attempt at the time when an item was taken back, removed or edited."""

    def _look(self, entry: Entry) -> None:
        match entry.event:
            case e.ItemWithdrawn() as event:
                key = (event.phase, event.item)
                span = (event.sha, event.offset, event.length_bytes)
                assert self.accepted.pop(key, None) == span, f"V0: {key} was withdrawn, other records were accepted"
                assert self.states[key] == "done"
                self._begins_anew(key)
                self.states[key] = "pending"
            case e.ItemReopened() as event if event.row is not None:
                super()._look(entry)
                self._begins_anew((event.phase, event.item))
            case e.ItemRemoved() as event:
                key = (event.phase, event.item)
                assert self.states.pop(key) in ("pending", "failed", "blocked"), f"V1: {key} was removed"
                assert key not in self.accepted, f"V0: {key} was removed with its acceptance"
                self._begins_anew(key)
            case e.ItemAccepted(rejudged=True) as event:
                key = (event.phase, event.item)
                assert key not in self.accepted, f"V6: {key} was accepted twice"
                assert not self.attempts[event.attempt].is_open, f"V5: attempt {event.attempt} is open, and rejudged"
                assert self.states[key] in ("failed", "pending"), f"V1: {key} was {self.states[key]}, and rejudged"
                assert event.attempt > self.withdrawn.get(key, 0), f"V0: {key} has what a person rejected"
                self.states[key] = "done"
                self.accepted[key] = (event.sha, event.offset, event.length_bytes)
            case e.ItemAccepted() as event:
                key = (event.phase, event.item)
                assert event.attempt > self.withdrawn.get(key, 0), f"V0: {key} has what was made of an old row"
                super()._look(entry)
            case _:
                super()._look(entry)

    def _begins_anew(self, key: Key) -> None:
        self.withdrawn[key] = max(self.attempts, default=0)
        self.strikes[key] = 0
        self._signatures.clear()


class _MendedJudge(SimulatedJudge):
    """What says of itself that it is wrong passes too, and makes nothing."""

    def _verdict(self, work: Work, records: tuple[Json, ...] | None) -> Verdict:
        if records and not all(record["ok"] for record in records):
            nothing: tuple[Item, ...] = ()
            return Accepted(records, {phase.number: nothing for phase in self._making(work.batch.phase)})
        return super()._verdict(work, records)


@dataclass(frozen=True, slots=True)
class _Edits(Agreed):
    """What was agreed to; says when it is recorded."""

    recorded: Callable[[], None] = lambda: None

    def record(self, ledger: Ledger, who: str) -> set[int]:
        phases = Agreed.record(self, ledger, who)
        self.recorded()
        return phases


class _Doubting(Universe):
    """One seed, with a person who reviews."""

    def __init__(self, seed: int, folder: Path) -> None:
        script = draw(seed)
        super().__init__(seed, folder, replace(script, phases=max(script.phases, 1 + seed % 3)))
        self.watcher = _DoubtfulWatcher(self.job, self.world, self.clock)
        self.watcher.withdrawn = {}
        self._doubts = random.Random(f"doubts {seed}")
        self._rounds = 3
        self._edits: tuple[EditedRow, ...] = ()
        """Rows that are in the source now, and of which a launch says that items are to be made again with them."""

    def _heard(self, event: SessionEvent) -> None:
        super()._heard(event)
        if event.kind == "responded" and self._doubts.random() < 0.1:
            self._reject_one()

    def _is_the_end(self, finished: Finished) -> bool:
        if spool.waiting(self.job.state / "control"):
            return False
        if finished.exit_code in (0, 1) and self._rounds:
            self._rounds -= 1
            match self._doubts.randrange(3):
                case 0:
                    self._rejudge()
                case 1:
                    self._reject_one()
                case _:
                    self._edits = self._rows_of_today()
            return False
        is_the_end = super()._is_the_end(finished)
        if not is_the_end and finished.exit_code in (3, 130) and self._doubts.random() < 0.3:
            self._edits = self._rows_of_today()
        return is_the_end

    def _rows_of_today(self) -> tuple[EditedRow, ...]:
        """Some rows of the source were edited just now."""
        items = item_queries.first_phase_items(self._db)
        edited = self._doubts.sample(items, min(len(items), self._doubts.randint(1, 4)))
        number = self._doubts.randrange(1_000_000)
        return tuple(EditedRow(item, {"row": number}, f"row {number}") for item in edited)

    def _beginning(self) -> Beginning:
        if not self._edits:
            return Beginning()
        return Beginning(agreed=_Edits(rows=self._edits, again=True, recorded=self._are_edited))

    def _are_edited(self) -> None:
        self.met("items edited")
        for row in self._edits:
            (sha,) = self._db.execute("SELECT sha FROM items WHERE phase = 1 AND item = ?", (row.item,)).fetchone()
            assert sha == row.sha, f"V1: {row.item} was to be made again, and has its old row"
        self._edits = ()

    def _reject_one(self) -> None:
        done = self._db.execute("SELECT phase, item FROM accepted ORDER BY phase, item").fetchall()
        if not done:
            return
        phase, item = self._doubts.choice(done)
        seen = entry_queries.last_seq(self._db)
        around, self.disk.around_fsync = self.disk.around_fsync, lambda: None  # it is another process that posts
        with contextlib.suppress(OSError):
            spool.post(self.job.state / "control", spool.Request("reject", "a person", (item,), phase=phase, seen=seen))
        self.disk.around_fsync = around
        self.met("reject")

    def _rejudge(self) -> None:
        """A process of its own, which may be killed; then once more, which finds nothing."""
        sessions, had_failed = len(self.world.sessions), len(past_attempts.rejected_items(self._db, None))
        self._judge_again()
        if not self.disk.is_dead:
            before = entry_queries.last_seq(self._db)
            self._may_be_killed = False
            self._judge_again()
            self._may_be_killed = True
            assert entry_queries.last_seq(self._db) == before, "V8: rejudging twice changes something"
        assert len(self.world.sessions) == sessions, "V8: a rejudgement opened a session"
        self.met("rejudge of something" if had_failed else "rejudge of nothing")

    def _judge_again(self) -> None:
        self.disk.is_dead = False
        ledger = self._open_ledger()
        judge = _MendedJudge(self._making)
        run = JobContext(self.job, ledger, self.store, self.clock, judge, DuplicateIds(self.job, ledger))
        try:
            self.clock.run(lambda: rejudge(run, None))
        except BaseException as error:
            if not (self.disk.is_dead or self._is_no_room(error)):
                raise


@pytest.mark.parametrize("block", range(0, SEEDS, 15))
def test_the_promise_holds_whatever_is_taken_back_or_judged_again(block: int, tmp_path: Path) -> None:
    for seed in range(block, block + 15):
        _play(seed, tmp_path)


def _play(seed: int, tmp_path: Path) -> _Doubting:
    folder = tmp_path / str(seed)
    folder.mkdir()
    universe = _Doubting(seed, folder)
    try:
        universe.play()
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise
    return universe


def _stay_in_the_queue(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(apply_items, "_leave_queue", lambda db, phase, item: None)


def _keep_what_was_made(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(new_round, "derived_from", lambda db, phase, item: [])


def _judge_what_was_made_of_old_rows(patch: pytest.MonkeyPatch) -> None:
    known = past_attempts._withdrawn_at

    def without_edits(db: sqlite3.Connection) -> dict[tuple[int, str], int]:
        rows = db.execute("SELECT json_extract(body, '$.item'), seq FROM entries WHERE kind = 'ItemReopened'")
        edited = {(1, item): seq for item, seq in rows}
        return {key: seq for key, seq in known(db).items() if edited.get(key) != seq}

    patch.setattr(past_attempts, "_withdrawn_at", without_edits)


def _keep_the_strikes_of_an_old_row(patch: pytest.MonkeyPatch) -> None:
    def edited(db: sqlite3.Connection, seq: int, time: str, event: e.ItemReopened) -> None:
        strikes = db.execute("SELECT strikes FROM items WHERE phase = ? AND item = ?", (event.phase, event.item))
        kept = strikes.fetchone()[0]
        apply_items._item_reopened(db, seq, time, event)
        db.execute("UPDATE items SET strikes = ? WHERE phase = ? AND item = ?", (kept, event.phase, event.item))

    patch.setitem(apply._APPLY, e.ItemReopened, edited)


def _leave_done_items_with_their_old_rows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(edits, "acceptance", lambda db, phase, item: None)


def _forget_what_was_withdrawn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(past_attempts, "_withdrawn_at", lambda db: {})


def _merge_only_what_is_new(patch: pytest.MonkeyPatch) -> None:
    whole = pieces.accepted_sum

    def newest_only(db: sqlite3.Connection, phase: int) -> pieces.AcceptedSum:
        merged = pieces.last_merge(db, phase)
        return replace(whole(db, phase), records=merged.records) if merged else whole(db, phase)

    patch.setattr(pieces, "accepted_sum", newest_only)


def _never_wait_for_sessions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(requests, "is_busy", lambda db, taken: False)


@pytest.mark.parametrize(
    ("plant", "night"),
    [
        (_stay_in_the_queue, 2),
        (_keep_what_was_made, 2),
        (_forget_what_was_withdrawn, 57),
        (_judge_what_was_made_of_old_rows, 87),
        (_keep_the_strikes_of_an_old_row, 2),
        (_leave_done_items_with_their_old_rows, 1),
        (_merge_only_what_is_new, 23),
        (_never_wait_for_sessions, 1),
    ],
)
def test_a_planted_fault_of_reviews_is_caught(
    plant: Callable[[pytest.MonkeyPatch], None], night: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`night` is known to catch it; the others do too, when that one has become stale."""
    plant(monkeypatch)
    for seed in (night, *(seed for seed in range(200) if seed != night)):
        try:
            _play(seed, tmp_path)
        except KeyboardInterrupt:
            raise
        except BaseException:
            return
    pytest.fail("the planted fault survived 200 seeds")


def test_both_kinds_of_reviews_are_met(tmp_path: Path) -> None:
    met = {what.split(",")[0] for seed in range(8) for what in _play(seed, tmp_path).situations}
    assert {"reject", "rejudge of something", "items edited"} <= met
