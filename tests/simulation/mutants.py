"""Guards taken out of the product, one at a time; whoever trusts the simulation must see each of them caught."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Literal, cast

import pytest

from harness.base import artifacts, files
from harness.base.clock import Clock
from harness.base.ids import Sha
from harness.core import decide as deciding
from harness.core import events as e
from harness.core import gate as gates
from harness.core import settle as settling
from harness.core.events import Event, HoldPlaced, ItemFailed, ItemStruck, UsageSettled
from harness.core.faults import USAGE_LIMIT
from harness.core.gate import Gate, Passing, hold_until
from harness.core.settle import settle
from harness.core.types import Ending
from harness.ledger import apply, apply_items, pieces, queries
from harness.ledger.contents import Contents
from harness.ledger.store import Ledger
from harness.outputs import match, merge
from harness.outputs.merge import fragment
from harness.supervisor import attempt as attempting
from harness.supervisor import finished as finishing
from harness.supervisor import judging, merging
from harness.supervisor import seen as seeing
from harness.supervisor import supervisor as supervising
from harness.supervisor.finished import Finished
from harness.supervisor.merging import Merger
from harness.supervisor.setting import Setting
from harness.supervisor.supervisor import Supervisor
from tests.simulation.world import World

Layer = Literal["night", "clock", "order", "law"]
"""What must catch it: an ordinary simulated night; the same night with and without jumps of the clock; the same night
alone and in parallel; or a small law of its own about what the simulation has its own stand-in for."""
Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One guard removed. `caught_by`: words of which one must be in what the catcher says."""

    name: str
    plant: Plant
    caught_by: tuple[str, ...]
    layer: Layer = "night"


MUTANTS: list[Mutant] = []


def mutant(*caught_by: str, layer: Layer = "night") -> Callable[[Plant], Plant]:
    def listed(plant: Plant) -> Plant:
        MUTANTS.append(Mutant(plant.__name__.lstrip("_").replace("_", " "), plant, caught_by, layer))
        return plant

    return listed


# durability ---------------------------------------------------------------------------------------------------------


@mutant("is missing", "has been changed", "V0", "V18")
def _no_fsync_of_files(patch: pytest.MonkeyPatch) -> None:
    def careless(path: Path, content: Any, *, mode: int = 0o600, staging: Path | None = None) -> None:
        beside = (staging or path.parent) / f".{path.name}.00000000.tmp"
        beside.write_bytes(content if isinstance(content, bytes) else b"".join(content))
        beside.replace(path)
        files.sync_folder(path.parent)

    patch.setattr(artifacts, "write_atomic", careless)


@mutant("is missing", "V0", "V18")
def _no_fsync_of_folders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(files, "sync_folder", lambda path: None)
    patch.setattr(artifacts, "sync_folder", lambda path: None)


@mutant("V0")
def _acknowledged_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    def eager(self: Ledger) -> None:
        written = self.contents.write(self.db)
        self.around_commit("after")
        self.db.execute("COMMIT")
        self.contents.forget(written)

    patch.setattr(Ledger, "_commit", eager)


@mutant("V0")
def _a_hold_is_told_to_others_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    settled = Supervisor._settled

    def hasty(self: Supervisor, spec: Any, ending: Ending) -> None:
        settled(self, spec, ending)
        if ending.fault is not None and ending.fault.kind == USAGE_LIMIT:
            self._share_hold()

    patch.setattr(Supervisor, "_settled", hasty)


@mutant("V12")
def _a_session_begins_before_its_start_is_committed(patch: pytest.MonkeyPatch) -> None:
    step = Supervisor._step

    def hasty(self: Supervisor) -> Any:
        taken = step(self)
        self._begin_session(taken)
        return replace(taken, spec=None)

    patch.setattr(Supervisor, "_step", hasty)


@mutant("expected to change")
def _an_old_look_at_the_ledger(patch: pytest.MonkeyPatch) -> None:
    """What the ledger said is believed after it has said something else."""
    look = seeing.Sight.now

    def now(self: seeing.Sight) -> seeing.Seen:
        if self._transactions != self._ledger.transactions and self._ledger.transactions % 2:
            self._transactions = self._ledger.transactions
        return look(self)

    patch.setattr(seeing.Sight, "now", now)


@mutant("is missing")
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
    patch.setattr(supervising, "reservation", lambda job, phase: 0)
    patch.setattr(attempting, "reservation", lambda job, phase: 0)


@mutant("V4b")
def _cost_forgotten_at_a_crash(patch: pytest.MonkeyPatch) -> None:
    usage = settling._usage

    def forgetful(open_: settling.Open, ending: Ending) -> UsageSettled:
        told = usage(open_, ending)
        return told if told.known else replace(told, charged_microusd=0)

    patch.setattr(settling, "_usage", forgetful)


@mutant("V4")
def _cap_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(supervising, "cap_reached", lambda *asked: None)


# strikes ------------------------------------------------------------------------------------------------------------


def _without(blame: str) -> Plant:
    kept = tuple(each for each in settling._NO_STRIKE if each != blame)
    return lambda patch: patch.setattr(settling, "_NO_STRIKE", kept)


for _blame in ("provider", "host", "operator"):
    MUTANTS.append(Mutant(f"strikes for faults of the {_blame}", _without(_blame), ("V3", "V10")))


@mutant("V3")
def _belief_without_proof(patch: pytest.MonkeyPatch) -> None:
    believed = settling._believed_or_not
    patch.setattr(
        settling,
        "_believed_or_not",
        lambda open_, fault: believed(replace(open_, believed=3, others_ended_well=True), fault),
    )


@mutant("V3")
def _last_strike_in_company(patch: pytest.MonkeyPatch) -> None:
    def strike_each(self: settling._Rest) -> list[Event]:
        open_, phase = self.open_, self.open_.batch.phase
        events: list[Event] = [ItemStruck(open_.attempt, phase, each.id, ("wrong",)) for each in self.members]
        out = [each for each in self.members if each.strikes + 1 >= open_.strikes_allowed]
        events += [ItemFailed(open_.attempt, phase, each.id, "wrong") for each in out]
        rest = [each for each in self.members if each not in out]
        return [*events, *([settling._again(open_, rest, "retry", open_.next_group)] if rest else [])]

    patch.setattr(settling._Rest, "_strike_each", strike_each)


@mutant("V3")
def _strikes_kept_in_a_new_round(patch: pytest.MonkeyPatch) -> None:
    def reopened(db: sqlite3.Connection, seq: int, time: str, event: Any) -> None:
        apply_items._settle_item(db, time, event.phase, event.item, "pending", "failed")

    patch.setitem(apply._APPLY, e.ItemReopened, reopened)


@mutant("V11", "V7")
def _repeated_for_ever_instead_of_halved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(attempting, "settle", lambda open_, *rest: settle(replace(open_, batch_repeated=False), *rest))


@mutant("V11")
def _broken_set_up_never_stops(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(seeing, "broken_setup", lambda tail, fruitless: None)


# lost supervisors -----------------------------------------------------------------------------------------------------


@mutant("V5", "V7", "V10", "V12")
def _lost_attempts_left_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(queries, "unsettled", lambda db: [])


def _salvage(change: Callable[[Supervisor, Any], Any]) -> Plant:
    """Replaces what the supervisor does with one attempt that a lost supervisor left open."""

    async def salvage(self: Supervisor) -> None:
        setting = self._setting
        for lost in queries.unsettled(setting.ledger.db):
            identity = attempting.Identity(lost.attempt, lost.token, lost.session_id, lost.folder, lost.started_seq)
            spec = attempting.make_spec(setting, lost.group, identity)
            await attempting.judge_and_settle(setting, spec, await change(self, spec))

    return lambda patch: patch.setattr(Supervisor, "_salvage", salvage)


async def _believe_nothing(supervisor: Supervisor, spec: Any) -> Ending:
    return replace(await supervisor._setting.executor.salvage(spec), artifacts=())


async def _end_nothing(supervisor: Supervisor, spec: Any) -> Ending:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "_end_orphan", lambda world, session: None)
        return await supervisor._setting.executor.salvage(spec)


MUTANTS.append(Mutant("salvage trusts nothing", _salvage(_believe_nothing), ("V2",)))
MUTANTS.append(Mutant("salvage ends nothing", _salvage(_end_nothing), ("V5", "V12")))


# the merge ------------------------------------------------------------------------------------------------------------


@mutant("V2")
def _merged_in_order_of_acceptance(patch: pytest.MonkeyPatch) -> None:
    def by_sequence(db: sqlite3.Connection, phase: int) -> Iterator[pieces.Piece]:
        rows = db.execute(
            "SELECT item, sha, offset, length_bytes, records FROM accepted WHERE phase = ? ORDER BY seq", (phase,)
        )
        return (pieces.Piece(*row) for row in rows)

    patch.setattr(pieces, "merge_pieces", by_sequence)


@mutant("V2")
def _merge_skips_the_last(patch: pytest.MonkeyPatch) -> None:
    whole = pieces.merge_pieces
    patch.setattr(pieces, "merge_pieces", lambda db, phase: iter(list(whole(db, phase))[:-1]))


@mutant("V2", "V0")
def _merge_is_current_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(merging, "_is_current", lambda ledger, phase, target: target.exists())


# the gate -------------------------------------------------------------------------------------------------------------


def _closed_without(field: str) -> Plant:
    closed = gates.closed
    blank: dict[str, Any] = {"hold": None, "starts": (), "is_ramping": False}

    def open_(passing: Passing, now: datetime) -> gates.Closed | None:
        if field in blank:
            return closed(replace(passing, **{field: blank[field]}), now)
        return closed(replace(passing, bounds=replace(passing.bounds, **cast(Any, {field: None}))), now)

    return lambda patch: patch.setattr(supervising, "closed", open_)


for _field, _name in {
    "hold": "hold ignored",
    "window": "window ignored",
    "rate": "rate ignored",
    "is_ramping": "no stagger",
}.items():
    MUTANTS.append(Mutant(_name, _closed_without(_field), ("V10", "V11")))


@mutant("V10")
def _no_ramp(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "after_provider_fault", lambda self: self)


@mutant("V7b", "V7")
def _gate_never_opens_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "after_success", lambda self: replace(self, probing=False))


@mutant("V10")
def _hold_forgotten_at_a_restart(patch: pytest.MonkeyPatch) -> None:
    begun = apply._run_started

    def forgetful(db: sqlite3.Connection, seq: int, time: str, event: Any) -> None:
        begun(db, seq, time, event)
        db.execute("UPDATE job SET hold_until = NULL")

    patch.setitem(apply._APPLY, e.RunStarted, forgetful)


@mutant("V10")
def _hold_of_another_job_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Setting, "hold", lambda self, own, now: own)


@mutant("V10")
def _stated_reset_not_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "hold_until", lambda fault, row, now: hold_until(replace(fault, until=None), row, now))


@mutant("V10")
def _no_hold_after_a_fault(patch: pytest.MonkeyPatch) -> None:

    def careless(*asked: Any) -> list[Event]:
        return [event for event in settle(*asked) if not isinstance(event, HoldPlaced)]

    patch.setattr(attempting, "settle", careless)


@mutant("V10")
def _reserve_of_the_plan_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(supervising, "held_back", lambda bounds, event: None)


@mutant("V10")
def _no_lead(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Supervisor, "_needs_lead", lambda self, phase: False)


def _decides_without(**fields: Any) -> Plant:
    decide = deciding.decide
    return lambda patch: patch.setattr(supervising, "decide", lambda seen: decide(replace(seen, **fields)))


MUTANTS.append(Mutant("pause ignored", _decides_without(paused=False), ("V10",)))
MUTANTS.append(Mutant("requests to stop ignored", _decides_without(stop=None), ("V10", "V11", "V7")))


@mutant("V10")
def _deadline_ignored(patch: pytest.MonkeyPatch) -> None:
    begin = Supervisor._begin

    def forgetful(self: Supervisor, started: Any) -> None:
        begin(self, started)
        self._deadline = None

    patch.setattr(Supervisor, "_begin", forgetful)


# the loop ----------------------------------------------------------------------------------------------------


@mutant("V7")
def _wake_ups_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Supervisor, "wake", lambda self: None)


@mutant("V7b: Merger", "V7b: ProgressWriter")
def _files_wait_for_the_next_event(patch: pytest.MonkeyPatch) -> None:
    async def work_only(self: Supervisor, work: Callable[[], Awaitable[None]]) -> None:
        await work()

    patch.setattr(Supervisor, "_then_look", work_only)


@mutant("V9")
def _failed_items_do_not_show_in_the_exit_code(patch: pytest.MonkeyPatch) -> None:
    finished = finishing.how_it_ended

    def cheerful(*told: Any) -> Finished:
        ended = finished(*told)
        return replace(ended, exit_code=0) if ended.exit_code == 1 else ended

    patch.setattr(supervising, "how_it_ended", cheerful)


class _WallClock:
    """Measures spans with the clock on the wall."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now
        self.sleep = clock.sleep

    def monotonic(self) -> float:
        return self.now().timestamp()


@mutant("V16", layer="clock")
def _wall_clock_for_the_merge(patch: pytest.MonkeyPatch) -> None:
    begin = Merger.__init__
    patch.setattr(
        Merger,
        "__init__",
        lambda self, setting, *rest: begin(self, replace(setting, clock=_WallClock(setting.clock)), *rest),
    )


@mutant("V16", layer="clock")
def _wall_clock_for_the_cache(patch: pytest.MonkeyPatch) -> None:
    def needs_lead(self: Supervisor, phase: int) -> bool:
        model, now = self._setting.job.phase(phase).session.model, self._setting.clock.now().timestamp()
        primed = self._primed.get((phase, model))
        return self._gate.probing or primed is None or not 0 <= now - primed < gates.CACHE_LIFE_S

    def answered(self: Supervisor, spec: Any) -> None:
        self._primed[spec.batch.phase, spec.session.model] = self._setting.clock.now().timestamp()
        self._gate = self._gate.after_answer()
        self.wake()

    patch.setattr(Supervisor, "_needs_lead", needs_lead)
    patch.setattr(Supervisor, "_answered", answered)


@mutant("V14", layer="order")
def _records_tell_of_their_attempt(patch: pytest.MonkeyPatch) -> None:
    number = count()

    def marked(accepted: Mapping[Any, Any], order: Any) -> Any:
        mark = next(number)
        kept = {
            item: replace(each, records=tuple({**record, "by": mark} for record in each.records))
            for item, each in accepted.items()
        }
        return fragment(kept, order)

    patch.setattr(judging, "fragment", marked)


# what the simulation has a stand-in for, or cannot meet -----------------------------------------------------


@mutant("V2", "V3")
def _ids_that_look_alike_are_taken(patch: pytest.MonkeyPatch) -> None:
    take = match._Matcher.take

    def generous(self: Any, one: Any) -> None:
        by_look = {match._folded(item): item for item in self._expected}
        id_ = one.record.get("id")
        take(self, replace(one, record={**one.record, "id": by_look.get(match._folded(id_), id_)}))

    patch.setattr(match._Matcher, "take", generous)


@mutant("accepted twice", layer="law")
def _second_acceptance(patch: pytest.MonkeyPatch) -> None:
    def accepted(db: sqlite3.Connection, seq: int, time: str, event: Any) -> None:
        place = (event.sha, event.offset, event.length_bytes, event.records)
        db.execute(
            "INSERT OR REPLACE INTO accepted VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            (event.phase, event.item, event.attempt, seq, *place),
        )
        db.execute("UPDATE items SET state = 'done' WHERE phase = ? AND item = ?", (event.phase, event.item))

    patch.setitem(apply._APPLY, e.ItemAccepted, accepted)
