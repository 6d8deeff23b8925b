"""Mutants of the loop, and of what the simulation has a stand-in for."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest

from harness.base.clock import Clock
from harness.core import decide as deciding
from harness.core import events as e
from harness.core import gate as gates
from harness.core.messages import message
from harness.core.run_events import RunEnded
from harness.ledger import apply, group_queries
from harness.outputs import match
from harness.outputs.merge import fragment
from harness.supervisor import attempt, gatekeeper, judgement, steps
from harness.supervisor import loop as supervising
from harness.supervisor import outcome as finishing
from harness.supervisor.gatekeeper import Gatekeeper
from harness.supervisor.inbox import Inbox, SessionEnded, StopAsked
from harness.supervisor.loop import Loop
from harness.supervisor.outcome import Finished
from harness.supervisor.stopping import Stopping
from harness.supervisor.throttled import Throttled
from tests.simulation.mutant import Mutant, listed_in

MUTANTS: list[Mutant] = []
mutant = partial(listed_in, MUTANTS)


# the loop ----------------------------------------------------------------------------------------------------


@mutant("V7")
def _wake_ups_lost(patch: pytest.MonkeyPatch) -> None:
    """What comes in is there, and nobody is told."""
    patch.setattr(Inbox, "put", lambda self, received: self._received.append(received))


@mutant("V7")
def _ends_lost(patch: pytest.MonkeyPatch) -> None:
    put = Inbox.put
    number = count()

    def careless(self: Inbox, received: Any) -> None:
        if not isinstance(received, SessionEnded) or next(number) % 10:
            put(self, received)

    patch.setattr(Inbox, "put", careless)


@mutant("V7b: Merger", "V7b: ProgressWriter", night=194)
def _files_wait_for_the_next_event(patch: pytest.MonkeyPatch) -> None:
    async def work_only(self: Loop, throttled: Throttled) -> None:
        await throttled.do()

    patch.setattr(Loop, "_then_look", work_only)


@mutant("V9")
def _failed_items_do_not_show_in_the_exit_code(patch: pytest.MonkeyPatch) -> None:
    finished = finishing.how_it_ended

    def cheerful(*told: Any) -> Finished:
        ended = finished(*told)
        return replace(ended, exit_code=0) if ended.exit_code == 1 else ended

    patch.setattr(supervising, "how_it_ended", cheerful)


@mutant("V10", night=43)
def _the_next_phase_begins_all_the_same(patch: pytest.MonkeyPatch) -> None:
    ready = group_queries.next_ready
    patch.setattr(group_queries, "next_ready", lambda db, until=None: ready(db))


@mutant("V7", night=43)
def _a_run_stops_before_its_last_phase(patch: pytest.MonkeyPatch) -> None:
    ready = group_queries.next_ready
    patch.setattr(group_queries, "next_ready", lambda db, until=None: ready(db, until and until - 1))


@mutant("V9", "V7", "V26", night=43)
def _a_run_that_stops_at_a_phase_counts_as_finished(patch: pytest.MonkeyPatch) -> None:
    finished = finishing.how_it_ended

    def cheerful(*told: Any) -> Finished:
        ended = finished(*told)
        return replace(ended, exit_code=0) if ended.message.kind == "until_settled" else ended

    patch.setattr(supervising, "how_it_ended", cheerful)


@mutant("V26")
def _a_stop_for_money_is_recorded_as_one_that_was_asked_for(patch: pytest.MonkeyPatch) -> None:
    decide = deciding.decide

    def blaming(now_is: deciding.Snapshot) -> deciding.Decision:
        decision = decide(now_is)
        if isinstance(decision, deciding.Stop) and decision.why == "budget":
            return replace(decision, message=message("stopped_by", who="anna"))
        return decision

    patch.setattr(steps, "decide", blaming)


@mutant("V26", night=4)
def _a_stop_at_a_cap_is_recorded_as_one_for_the_budget(patch: pytest.MonkeyPatch) -> None:
    why = message("budget", budget_microusd=0, spent_microusd=0, needed_microusd=0)
    reached = attempt.cap_reached
    patch.setattr(gatekeeper, "cap_reached", lambda *told: why if reached(*told) else None)


@mutant("V26", night=80)
def _the_deadline_is_recorded_as_a_person(patch: pytest.MonkeyPatch) -> None:
    ask = Stopping.ask

    def by_somebody(self: Stopping, asked: StopAsked) -> None:
        ask(self, replace(asked, why=message("stopped_by", who="the clock")) if asked.why.kind == "deadline" else asked)

    patch.setattr(Stopping, "ask", by_somebody)


@mutant("V26")
def _the_end_of_a_run_is_recorded_without_its_reason(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(supervising, "RunEnded", lambda exit_code, why: RunEnded(exit_code))


class _WallClock:
    """Measures spans with the clock on the wall."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now
        self.sleep = clock.sleep

    def monotonic(self) -> float:
        return self.now().timestamp()


@mutant("V16", layer="clock")
def _wall_clock_for_the_merge(patch: pytest.MonkeyPatch) -> None:
    begin = Throttled.__init__
    patch.setattr(Throttled, "__init__", lambda self, work, clock, **more: begin(self, work, _WallClock(clock), **more))


@mutant("V16", layer="clock", night=38)
def _wall_clock_for_the_cache(patch: pytest.MonkeyPatch) -> None:
    def needs_lead(self: Gatekeeper, phase: int) -> bool:
        model, now = self._run.job.phase(phase).session.model, self._run.clock.now().timestamp()
        primed = self._primed.get((phase, model))
        return self.gate.probing or primed is None or not 0 <= now - primed < gates.CACHE_LIFE_S

    def answered(self: Gatekeeper, spec: Any) -> None:
        self._primed[spec.work.batch.phase, spec.session.model] = self._run.clock.now().timestamp()
        self.gate = self.gate.after_answer()

    patch.setattr(Gatekeeper, "needs_lead", needs_lead)
    patch.setattr(Gatekeeper, "answered", answered)


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

    patch.setattr(judgement, "fragment", marked)


# what the simulation has a stand-in for, or cannot meet -----------------------------------------------------


@mutant("V2", "V3")
def _ids_that_look_alike_are_taken(patch: pytest.MonkeyPatch) -> None:
    take = match._Matcher.take

    def generous(self: Any, one: Any) -> None:
        by_look = {match._folded(item): item for item in self._expected._exact}
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
