"""Holds every entry of the ledger against the world, as it is committed: the invariants of a single moment."""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from harness.base.clock import from_text
from harness.core import events as e
from harness.core import run_events as r
from harness.core.money import to_micro
from harness.core.rejections import type_of
from harness.core.types import Fault
from harness.job.job import Job
from harness.ledger.store import Entry, entries
from tests.simulation.doorkeeper import Doorkeeper
from tests.simulation.pacemaker import Pacemaker
from tests.simulation.parked import ParkedWatch
from tests.simulation.selecting import SelectionWatch
from tests.simulation.virtual import VirtualClock
from tests.simulation.waiting import WaitingWatch
from tests.simulation.world import World

Key = tuple[int, str]
_LEGAL = {
    ("", "pending"),
    ("", "blocked"),
    ("blocked", "pending"),
    ("pending", "running"),
    ("running", "pending"),
    ("running", "done"),
    ("running", "failed"),
    ("failed", "pending"),
    ("pending", "skipped"),
}
_FIRST_BACKOFF = timedelta(seconds=30)
_MOST_BREAKDOWNS = 13
_NEVER_SUSPECTED = ("supervisor_lost", "suspended", "disk", "usage_limit")
_LONGEST_STATED = timedelta(days=8)


@dataclass(slots=True)
class Attempted:
    """An attempt as its entries tell it."""

    phase: int
    items: tuple[str, ...]
    reserved: int
    seq: int
    is_open: bool = True
    accepted: set[str] = field(default_factory=set)


class Watcher:
    """Folds the entries into a state of its own, sharing no code with the ledger's."""

    def __init__(self, job: Job, world: World, clock: VirtualClock) -> None:
        self.job = job
        self._world = world
        self._clock = clock
        self.last: Entry | None = None
        self._digest = hashlib.sha256()
        self.states: dict[Key, str] = {}
        self.accepted: dict[Key, tuple[str, int, int]] = {}
        self.attempts: dict[int, Attempted] = {}
        self.open: set[int] = set()
        """Attempts that started and did not end."""
        self.strikes: Counter[Key] = Counter()
        self._fruitless: Counter[int] = Counter()
        self._wholes: list[tuple[str, ...]] = []
        """Members of the whole failures in a row, in this run."""
        self._too_early: list[int] = []
        self._heard_early: list[int] = []
        self._no_strike: dict[Key, list[int]] = {}
        """The entries of the no-strike faults that an item was believed."""
        self._stays_suspected: set[Key] = set()
        """Items of groups whose breakdown was doubted; until they are opened again."""
        self._broken: dict[Key, list[int]] = {}
        """The entries of the breakdowns of an item, since it last had an attempt that was not excused."""
        self._well_since = 0
        """The latest start of an attempt that ended well."""
        self._raised: dict[int, list[tuple[str, ...]]] = {}
        """Phase -> members of the attempts, the last ones in this run, that ended because a check raised."""
        self._suspected: set[int] = set()
        self.suspected_items: set[Key] = set()
        self._signatures: Counter[tuple[int, tuple[str, ...], str]] = Counter()
        self.spent = 0
        self.paused = False
        self.stop_asked = False
        self.until: int | None = None
        """The last phase of which this run starts anything."""
        self.is_running = False
        """A run has begun, and was not stopped in order."""
        self.door = Doorkeeper(job.parallel)
        self.pacemaker = Pacemaker(job, world.script.pace(), clock)
        self._selecting = SelectionWatch(job, self.states)
        self._waiting = WaitingWatch(job, self.states)
        self._parked = ParkedWatch()

    def digest(self) -> str:
        """Of all that happened, without the random tokens: the same seed has the same."""
        return self._digest.hexdigest()

    def reserved(self) -> int:
        return sum(self.attempts[each].reserved for each in self.open)

    def check_nothing_is_gone(self, db: sqlite3.Connection) -> None:
        """V0: what was acknowledged is in the ledger of the next life."""
        if self.last is not None:
            found = next(entries(db, self.last.seq - 1), None)
            assert found == self.last, f"V0: the acknowledged entry {self.last.seq} is gone or another one"

    def check_is_settled(self, until: int) -> None:
        """V7: a run that was to go up to a phase has done all that it could."""
        left = [key for key, state in self.states.items() if key[0] <= until and state in ("pending", "running")]
        assert not left, f"V7: stopped at phase {until}, and {left} are left"

    def begins(self, attempt: int) -> None:
        """V12: no session without its start, committed. Told later: what an executor raises is an ending."""
        if attempt not in self.open:
            self._too_early.append(attempt)

    def tells_others(self, until: datetime) -> None:
        """V0: other jobs hear of a hold when it is committed."""
        assert self.door.hold is not None and until <= self.door.hold, f"V0: a hold until {until}, and no entry says so"

    def hears_of(self, seq: int) -> None:
        """V0: a subscriber of the ledger hears of what is committed. Told later: what it raises is dropped."""
        if self.last is None or seq != self.last.seq:
            self._heard_early.append(seq)

    def follow(self, db: sqlite3.Connection) -> None:
        """Look at every entry that was committed since."""
        assert not self._heard_early, f"V0: subscribers heard of {self._heard_early}, and it was not committed"
        assert not self._too_early, f"V12: sessions of attempts {self._too_early} began, and no entry said so"
        new = list(entries(db, self.last.seq if self.last else 0))
        for entry in new:
            self._digest.update(f"{entry.seq} {entry.time} {without_tokens(entry.event)!r}\n".encode())
            self._look(entry)
            self.last = entry
        self._check_ended([entry.event for entry in new])
        self._waiting.check(db)

    def _look(self, entry: Entry) -> None:
        self._selecting.look(entry.event)
        self._waiting.look(entry.event)
        self._parked.look(entry.event)
        match entry.event:
            case e.ItemAdded() as event:
                self._goes(event.phase, event.item, "pending")
            case e.ItemSkipped() as event:
                self._goes(event.phase, event.item, "skipped")
            case e.ItemBlocked() as event:
                self._goes(event.phase, event.item, "blocked")
            case e.BatchPlanned() as event:
                self.pacemaker.planned(event)
            case e.AttemptStarted() as event:
                self._started(event, entry.seq)
            case e.ItemAccepted() as event:
                self._accept(event)
            case e.ItemStruck() as event:
                self._struck(event)
            case e.ItemFailed() as event:
                self._failed(event)
            case e.ItemReopened() as event:
                if self.states[event.phase, event.item] != "pending":
                    self._goes(event.phase, event.item, "pending")
                self.strikes[event.phase, event.item] = 0
                self._stays_suspected.discard((event.phase, event.item))
                self._signatures.clear()
            case e.UsageSettled() as event:
                self._paid(event)
            case e.AttemptEnded() as event:
                self._ended(event, entry.seq)
            case r.HoldPlaced() | r.HoldLifted() | r.RunStarted() as event:
                self._run_or_hold(event)
            case r.Paused() | r.Resumed() | r.CancelAsked() | r.RunEnded() as event:
                self.paused = isinstance(event, r.Paused) or (self.paused and not isinstance(event, r.Resumed))
                self.stop_asked |= isinstance(event, r.CancelAsked)
                self.is_running &= not isinstance(event, r.RunEnded)

    def _run_or_hold(self, event: r.HoldPlaced | r.HoldLifted | r.RunStarted) -> None:
        match event:
            case r.HoldPlaced():
                self.door.held(from_text(event.until))
                if event.message.kind == "credential_refused":
                    self.door.halve()
            case r.HoldLifted():
                self.door.hold = self.door.shared = None
            case r.RunStarted():
                was_killed, self.stop_asked, self.is_running = self.is_running, False, True
                self.until = next((phase.number for phase in self.job.phases if phase.name == event.until), None)
                self.door = self.door.of_next_run(self.job.parallel, self._clock)
                self.door.is_unsure = was_killed and self.last is not None and isinstance(self.last.event, r.HoldLifted)
                self._signatures.clear()
                self._fruitless.clear()
                self._wholes.clear()
                self._raised.clear()

    def _goes(self, phase: int, item: str, state: str) -> None:
        was = self.states.get((phase, item), "")
        assert (was, state) in _LEGAL, f"V1: {item} of phase {phase} went from {was!r} to {state!r}"
        self.states[phase, item] = state

    def _started(self, event: e.AttemptStarted, seq: int) -> None:
        for item in event.items:
            self._goes(event.phase, item, "running")
        assert not self.paused, "V10: a start while the job is paused"
        assert not self.stop_asked, "V10: a start after the run was asked to stop"
        assert self.until is None or event.phase <= self.until, "V10: a start behind the last phase of the run"
        self.attempts[event.attempt] = Attempted(event.phase, event.items, event.reserved_microusd, seq)
        self.open.add(event.attempt)
        if self.job.budget is not None:
            committed = self.spent + self.reserved()
            assert committed <= to_micro(self.job.budget), f"V4: {committed} of {self.job.budget} spent and reserved"
        cap = self.job.bounds.caps.sessions
        assert cap is None or len(self.attempts) <= cap, f"V4: {len(self.attempts)} sessions, the cap is {cap}"
        self._check_not_broken()
        others = [self._world.of(each) for each in self.open if each != event.attempt]
        is_led = any(
            each.attempt in self.door.leads and each.phase == event.phase and not each.has_answered for each in others
        )
        self.door.started(event, len(self.open), is_led, self.job.bounds, self._clock)
        self.pacemaker.started(event.phase, self.open_in(event.phase))

    def open_in(self, phase: int) -> int:
        """How many sessions of the phase have started and not ended."""
        return sum(self.attempts[each].phase == phase for each in self.open)

    def _check_not_broken(self) -> None:
        """V11: a set-up that never gives anything is not tried for ever."""
        assert len(self._wholes) < 10 or len(set(self._wholes[-10:])) < 10, "V11: ten whole failures, and on it goes"
        barren = [phase for phase, times in self._fruitless.items() if times >= 10]
        assert not barren, f"V11: phase {barren[0]} has accepted nothing after ten attempts, and on it goes"

    def _accept(self, event: e.ItemAccepted) -> None:
        key = (event.phase, event.item)
        session, attempted = self._world.of(event.attempt), self.attempts[event.attempt]
        assert key not in self.accepted, f"V6: {event.item} was accepted twice"
        assert attempted.is_open, f"V5: attempt {event.attempt} had ended, and got {event.item} accepted"
        assert not session.is_live, f"V5: the session of attempt {event.attempt} is live, and {event.item} accepted"
        assert event.item in session.good, f"V2: {event.item} was accepted without a good record"
        self._goes(*key, "done")
        attempted.accepted.add(event.item)
        self._fruitless[event.phase] = 0  # also when the session broke down after it had written
        self.accepted[key] = (event.sha, event.offset, event.length_bytes)

    def _struck(self, event: e.ItemStruck) -> None:
        """V3: only for what the item or its session did; what was believed too often counts as the session's."""
        key, session = (event.phase, event.item), self._world.of(event.attempt)
        blame = session.fault.blame if session.fault else "item"
        is_suspected = blame in ("provider", "host") and self._may_be_suspected(key)
        is_suspected |= _is_claim(session.fault) and self._may_be_disbelieved(key)
        is_suspected |= blame == "host" and key in self._stays_suspected
        is_fair = blame in ("item", "session") and event.item in session.plan.blamed
        is_odd = blame == "item" and self._world.is_odd(event.item) and b'"odd"' in (session.written or b"")
        works = any(phase == event.phase for phase, _ in self.accepted)
        assert works or not is_odd, f"V3c: {event.item} was struck by a check that is not known to work"
        assert is_fair or is_suspected, f"V3: {event.item} was struck for what it did not do (attempt {event.attempt})"
        if is_suspected:
            self._suspected.add(event.attempt)
            self.suspected_items.add(key)
        self.strikes[key] += 1
        assert self.strikes[key] <= self.job.strikes, f"V3: strike {self.strikes[key]} for {event.item}"

    def _may_be_disbelieved(self, key: Key) -> bool:
        """A claim: believed three times."""
        return key in self._stays_suspected or len(self._no_strike.get(key, [])) >= 3

    def _may_be_suspected(self, key: Key) -> bool:
        """Believed three times, and others ended well since: the last time, or the first of three breakdowns."""
        no_strike, broken = self._no_strike.get(key, []), self._broken.get(key, [])
        withstood = len(broken) >= 3 and self._well_since > broken[0]
        return len(no_strike) >= 3 and (
            self._well_since > no_strike[-1] or withstood or len(broken) >= _MOST_BREAKDOWNS
        )

    def _failed(self, event: e.ItemFailed) -> None:
        key = (event.phase, event.item)
        assert len(self.attempts[event.attempt].items) == 1, f"V3: {event.item} failed in company"
        is_hopeless = "refused" in map(type_of, event.rejections)
        assert is_hopeless or self.strikes[key] == self.job.strikes, f"V3: {event.item} failed too early"
        self._goes(*key, "failed")

    def _paid(self, event: e.UsageSettled) -> None:
        billed = to_micro(self._world.of(event.attempt).cost)
        assert event.charged_microusd >= billed, f"V4b: attempt {event.attempt} cost {billed}: {event!r}"
        reserved = self.attempts[event.attempt].reserved
        is_capped, most = self.job.budget is not None, reserved * 3
        assert not is_capped or event.charged_microusd <= most, f"V19: more was charged than can be: {event!r}"
        assert not is_capped or billed <= reserved, f"V4: {billed} were billed, {reserved} reserved"
        self.spent += event.charged_microusd

    def _ended(self, event: e.AttemptEnded, seq: int) -> None:
        attempted, session = self.attempts[event.attempt], self._world.of(event.attempt)
        assert attempted.is_open, f"V6: attempt {event.attempt} ended twice"
        attempted.is_open = False
        self.open.remove(event.attempt)
        for item in attempted.items:
            if self.states[attempted.phase, item] == "running":
                self._goes(attempted.phase, item, "pending")
        lost = set(session.good) & set(attempted.items) - attempted.accepted
        assert not lost, f"V2: good records of {sorted(lost)} were thrown away (attempt {event.attempt})"
        is_of_others = session.fault is not None and (session.fault.blame == "host" or _is_claim(session.fault))
        if event.blame == "session" and is_of_others:
            self._doubt(event.attempt, [(attempted.phase, item) for item in attempted.items], session.fault)
        is_claim = _is_claim(session.fault) and event.blame != "session"
        assert not is_claim or event.outcome == "no_strike", f"V19: attempt {event.attempt} stopped the run by a claim"
        if not (is_claim and self.door.hold is not None and self._clock.now() < self.door.hold):
            self._count(event, attempted, seq, is_claim=is_claim)
        self._check_raised(event, attempted)
        if event.outcome == "failed":
            self._check_repeats(event.attempt, attempted, str(event.fault))
        self.door.ended(session, event.blame or "item", self._clock, is_claim=is_claim)

    def _check_raised(self, event: e.AttemptEnded, attempted: Attempted) -> None:
        """V11c: a check is called broken when it has raised for three groups in a row, and then at once."""
        raised = self._raised.setdefault(attempted.phase, [])
        if event.fault in ("check_raised", "broken_check"):
            raised.append(attempted.items)
            is_stopped, last = event.fault == "broken_check", raised[-3:]
            assert is_stopped == (len(raised) >= 3), f"V11c: a check raised {len(raised)} times: {event.outcome}"
            tried = {item for each in self.attempts.values() if each.phase == 1 for item in each.items}
            pending = {item for (phase, item), state in self.states.items() if phase == 1 and state == "pending"}
            others = pending - self._parked.items - tried
            is_early = len(raised) == 3 and attempted.phase == 1 and len(set(last)) < 3 and others
            assert not is_early, f"V11c: stopped by {last} while {others} had not been tried"
        elif event.outcome in ("succeeded", "partial", "failed"):
            raised.clear()

    def _doubt(self, attempt: int, keys: list[Key], fault: Fault | None) -> None:
        """V3: a breakdown is doubted only after proof, a claim after three, once; then for good."""
        is_enough = self._may_be_disbelieved if _is_claim(fault) else self._may_be_suspected
        is_proven = any(key in self._stays_suspected or is_enough(key) for key in keys)
        assert is_proven, f"V3: attempt {attempt} was doubted without proof"
        self._stays_suspected.update(keys)

    def _count(self, event: e.AttemptEnded, attempted: Attempted, seq: int, *, is_claim: bool) -> None:
        match event.outcome:
            case "no_strike" if event.blame != "operator" and (is_claim or event.fault not in _NEVER_SUSPECTED):
                for item in attempted.items:
                    self._no_strike.setdefault((attempted.phase, item), []).append(seq)
                    if event.blame == "host":
                        self._broken.setdefault((attempted.phase, item), []).append(seq)
            case "succeeded" | "partial" | "failed":
                for item in attempted.items:
                    self._broken.pop((attempted.phase, item), None)
                if event.outcome == "failed":
                    self._wholes.append(attempted.items)
                else:
                    self._wholes.clear()
                    self._well_since = max(self._well_since, attempted.seq)
                if any(phase == attempted.phase for phase, _ in self.accepted):
                    self._fruitless[attempted.phase] = 0
                else:
                    self._fruitless[attempted.phase] += 1

    def _check_repeats(self, attempt: int, attempted: Attempted, fault: str) -> None:
        """V11: the same group is not tried for ever; it fails whole twice, a single item as often as it has strikes."""
        if attempt in self._suspected:
            return
        signature = (attempted.phase, attempted.items, fault)
        self._signatures[signature] += 1
        most = 2 if len(attempted.items) > 1 else self.job.strikes
        assert self._signatures[signature] <= most, f"V11: {signature} failed whole {self._signatures[signature]} times"

    def _check_ended(self, together: Sequence[e.Event]) -> None:
        """V10: the end of an attempt that met the provider's fault comes with its hold, as long as it must be."""
        holds = [from_text(each.until) for each in together if isinstance(each, r.HoldPlaced)]
        for event in together:
            if isinstance(event, e.AttemptEnded) and event.outcome == "no_strike" and event.blame == "provider":
                fault = self._world.of(event.attempt).fault
                if _is_claim(fault):
                    assert not holds, f"V19: all are held by the word of attempt {event.attempt}, after a tool call"
                    continue
                assert holds, f"V10: no hold after the provider's fault of attempt {event.attempt}"
                assert fault is not None
                needed = self._needed(fault)
                assert max(holds) >= needed, f"V10: held until {max(holds)}, {needed} was needed"

    def _needed(self, fault: Fault) -> datetime:
        now = self._clock.now()
        is_believable = fault.until is not None and now < fault.until <= now + _LONGEST_STATED
        until = fault.until if fault.until is not None and is_believable else now + _FIRST_BACKOFF
        return until - timedelta(milliseconds=1)


def _is_claim(fault: Fault | None) -> bool:
    """What a session said after it had called a tool."""
    return fault is not None and bool(fault.evidence.get("used_tools"))


def without_tokens(event: e.Event) -> object:
    """The event as far as it is the same whenever the same seed is played."""
    if isinstance(event, e.AttemptStarted):
        return (event.attempt, event.group, event.items, event.prompt_sha, event.reserved_microusd, event.folder)
    return event
