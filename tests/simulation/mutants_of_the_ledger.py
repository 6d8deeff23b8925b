"""Mutants of what the ledger keeps: that nothing is told before it is durable, and that no money is forgotten."""

import asyncio
import sqlite3
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.backends.usage_count import Count
from harness.base import artifacts, files
from harness.base.ids import Sha
from harness.core import events as e
from harness.core import settle as settling
from harness.core.events import AttemptEnded, Event, UsageSettled
from harness.core.open_attempt import Open
from harness.core.types import Ending
from harness.ledger.contents import Contents
from harness.ledger.store import Ledger
from harness.outputs import merge
from harness.supervisor import attempt as attempting
from harness.supervisor import gatekeeper as doors
from harness.supervisor import snapshot as seeing
from harness.supervisor.gatekeeper import Gatekeeper
from harness.supervisor.steps import Steps
from tests.simulation.mutant import Mutant, listed_in

MUTANTS: list[Mutant] = []
mutant = partial(listed_in, MUTANTS)


@mutant("V19", "V4", night=23)
def _any_cost_is_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(attempting, "most_cost", lambda job, phase: None)


# durability ---------------------------------------------------------------------------------------------------------


@mutant("is missing", "has been changed", "V0", "V18", night=14)
def _no_fsync_of_files(patch: pytest.MonkeyPatch) -> None:
    def careless(path: Path, content: Any, *, mode: int = 0o600, staging: Path | None = None) -> None:
        beside = (staging or path.parent) / f".{path.name}.00000000.tmp"
        beside.write_bytes(content if isinstance(content, bytes) else b"".join(content))
        beside.replace(path)
        files.sync_folder(path.parent)

    patch.setattr(artifacts, "write_atomic", careless)


@mutant("is missing", "V0", "V18", night=22)
def _no_fsync_of_folders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(files, "sync_folder", lambda path: None)
    patch.setattr(artifacts, "sync_folder", lambda path: None)


@mutant("V0")
def _acknowledged_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    def eager(self: Ledger) -> None:
        written = self.contents.write(self.db)
        for wake in self._subscribers:
            wake(self._last_seq)
        self.db.execute("COMMIT")
        self.contents.forget(written)

    patch.setattr(Ledger, "_commit", eager)


@mutant("V0", night=7)
def _a_hold_is_told_to_others_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    ended = Gatekeeper.ended

    def hasty(self: Gatekeeper, spec: Any, recorded: AttemptEnded, *, has_answered: bool) -> None:
        ended(self, spec, recorded, has_answered=has_answered)
        self.committed(recorded)

    patch.setattr(Gatekeeper, "ended", hasty)


@mutant("V12")
def _a_session_begins_before_its_start_is_committed(patch: pytest.MonkeyPatch) -> None:
    """As a task that does not end with the loop, whose own error would keep any other from its first step."""
    step, begun = Steps.next, set[asyncio.Task[None]]()

    def hasty(self: Steps) -> Any:
        taken = step(self)
        if taken.spec is not None:
            begun.add(asyncio.get_running_loop().create_task(self._sessions._play(taken.spec)))
        return replace(taken, spec=None)

    patch.setattr(Steps, "next", hasty)


@mutant("expected to change")
def _an_old_look_at_the_ledger(patch: pytest.MonkeyPatch) -> None:
    """What the ledger said is believed after it has said something else."""
    look = seeing.SnapshotReader.read

    def read(self: seeing.SnapshotReader) -> seeing.LedgerReading:
        if self._transactions != self._ledger.transactions and self._ledger.transactions % 2:
            self._transactions = self._ledger.transactions
        return look(self)

    patch.setattr(seeing.SnapshotReader, "read", read)


@mutant("is missing", night=103)
def _contents_are_left_for_later(patch: pytest.MonkeyPatch) -> None:
    """Written by the transaction after the one whose entries name them."""
    seen = set[Sha]()

    def late(self: Contents, db: sqlite3.Connection) -> list[Sha]:
        ready = [sha for sha in self._waiting if sha in seen]
        seen.update(self._waiting)
        db.executemany("INSERT OR IGNORE INTO contents VALUES(?, ?)", [(sha, self._waiting[sha]) for sha in ready])
        return ready

    patch.setattr(Contents, "write", late)


@mutant("V18")
def _published_before_it_is_committed(patch: pytest.MonkeyPatch) -> None:
    """A merge that a kill leaves between the two looks like the work of a person."""
    publish, record, waiting = merge.publish, Ledger.record, list[merge.Prepared]()

    def hasty(self: Ledger, *events: Event) -> None:
        if isinstance(events[0], e.Merged):
            publish(waiting.pop())
        record(self, *events)

    prepare = merge.prepare

    def prepared(*asked: Any) -> merge.Prepared:
        waiting[:] = [prepare(*asked)]
        return waiting[0]

    patch.setattr(merge, "prepare", prepared)
    patch.setattr(merge, "publish", lambda prepared: None)
    patch.setattr(Ledger, "record", hasty)


# money --------------------------------------------------------------------------------------------------------------


@mutant("V4")
def _no_reservation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doors, "reservation", lambda job, phase: 0)
    patch.setattr(attempting, "reservation", lambda job, phase: 0)


@mutant("V4b")
def _cost_forgotten_at_a_crash(patch: pytest.MonkeyPatch) -> None:
    usage = settling._usage

    def forgetful(open_: Open, ending: Ending) -> UsageSettled:
        told = usage(open_, ending)
        return told if told.known else replace(told, charged_microusd=0)

    patch.setattr(settling, "_usage", forgetful)


@mutant("V4b", layer="money")
def _only_what_was_told_is_charged(patch: pytest.MonkeyPatch) -> None:
    usage = settling._usage

    def credulous(open_: Open, ending: Ending) -> UsageSettled:
        return usage(open_, replace(ending, facts=replace(ending.facts, counted_usd=None)))

    patch.setattr(settling, "_usage", credulous)


@mutant("V4b", layer="money")
def _broken_answers_uncounted(patch: pytest.MonkeyPatch) -> None:
    def forgets(count: Count) -> None:
        count._open = None

    patch.setattr(Count, "_break_off", forgets)


@mutant("V4b", "V3", layer="money", night=7)
def _answers_that_were_never_shown_uncounted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Count, "_lose", lambda count: None)


@mutant("V4", layer="money", night=4)
def _no_end_at_the_counted_cap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Count, "is_beyond", lambda count, cap: False)


@mutant("V4", night=4)
def _cap_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doors, "cap_reached", lambda *asked: None)
