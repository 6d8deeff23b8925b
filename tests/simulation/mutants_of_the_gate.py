"""Mutants of the gate: what it waits for, whatever people and providers ask of it."""

import sqlite3
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, cast

import pytest

from harness.core import decide as deciding
from harness.core import gate as gates
from harness.core import run_events as r
from harness.core import settle as settling
from harness.core.events import Event, PaceGiven
from harness.core.gate import Gate, Passing, hold_until
from harness.core.run_events import HoldPlaced
from harness.core.settle import settle
from harness.ledger import apply
from harness.supervisor import attempt as attempting
from harness.supervisor import gatekeeper as doors
from harness.supervisor import plan_pace, steps
from harness.supervisor.gatekeeper import Gatekeeper
from harness.supervisor.stopping import Stopping
from tests.simulation.mutant import Mutant, Plant, listed_in

MUTANTS: list[Mutant] = []
mutant = partial(listed_in, MUTANTS)


def _closed_without(field: str) -> Plant:
    closed = gates.closed
    blank: dict[str, Any] = {"hold": None, "starts": (), "is_ramping": False}

    def open_(passing: Passing, now: datetime) -> gates.Closed | None:
        if field in blank:
            return closed(replace(passing, **{field: blank[field]}), now)
        return closed(replace(passing, bounds=replace(passing.bounds, **cast(Any, {field: None}))), now)

    return lambda patch: patch.setattr(doors, "closed", open_)


for _field, _name, _night in (
    ("hold", "hold ignored", 3),
    ("window", "window ignored", 3),
    ("rate", "rate ignored", 17),
    ("is_ramping", "no stagger", 7),
):
    MUTANTS.append(Mutant(_name, _closed_without(_field), ("V10", "V11"), night=_night))


@mutant("V10", "V27", night=3)
def _no_ramp(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "after_provider_fault", lambda self: self)


@mutant("V27", "V7b", "V7", night=3)
def _gate_never_opens_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "after_success", lambda self: replace(self, probing=False))


@mutant("V10", night=3)
def _hold_forgotten_at_a_restart(patch: pytest.MonkeyPatch) -> None:
    begun = apply._run_started

    def forgetful(db: sqlite3.Connection, seq: int, time: str, event: Any) -> None:
        begun(db, seq, time, event)
        db.execute("UPDATE job SET hold_until = NULL")

    patch.setitem(apply._APPLY, r.RunStarted, forgetful)


@mutant("V10", night=3)
def _hold_of_another_job_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gatekeeper, "_hold", lambda self, own, now: own)


@mutant("V10", night=7)
def _stated_reset_not_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "hold_until", lambda fault, row, now: hold_until(replace(fault, until=None), row, now))


@mutant("V10", night=3)
def _no_hold_after_a_fault(patch: pytest.MonkeyPatch) -> None:

    def careless(*asked: Any) -> list[Event]:
        return [event for event in settle(*asked) if not isinstance(event, HoldPlaced)]

    patch.setattr(attempting, "settle", careless)


@mutant("V19", night=23)
def _a_word_after_a_tool_call_is_believed_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "claims", lambda fault: False)


@mutant("V10", "V27", night=23)
def _nothing_looks_into_a_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "after_claim", lambda self: self)


@mutant("V27", "V10", "V7b", night=7)
def _the_gate_follows_what_a_session_says(patch: pytest.MonkeyPatch) -> None:
    settled = attempting.settle_as_judged

    def as_told(run: Any, attempt: Any, work: Any, ending: Any, judgement: Any) -> Any:
        ended = settled(run, attempt, work, ending, judgement)
        return replace(ended, blame=ending.fault.blame if ending.fault else None, evidence={})

    patch.setattr(steps, "settle_as_judged", as_told)


@mutant("V27", night=23)
def _the_gate_closes_for_what_was_found_to_be_the_session_s_own(patch: pytest.MonkeyPatch) -> None:
    """The narrow case: a fault of the provider that was believed before, and is doubted now."""
    settled = attempting.settle_as_judged

    def as_told(run: Any, attempt: Any, work: Any, ending: Any, judgement: Any) -> Any:
        ended = settled(run, attempt, work, ending, judgement)
        is_suspected = ended.blame == "session" and ending.fault is not None and ending.fault.blame == "provider"
        return replace(ended, blame="provider", evidence={}) if is_suspected else ended

    patch.setattr(steps, "settle_as_judged", as_told)


@mutant("V27", night=3)
def _the_gate_opens_for_a_session_that_ended_well_before_it_is_settled(patch: pytest.MonkeyPatch) -> None:
    """It hears of an end when the session says so, not when that is recorded."""
    heard = Gatekeeper.used

    def hasty(self: Gatekeeper, event: Any) -> None:
        heard(self, event)
        if event.kind == "responded":
            self.gate = self.gate.after_success()

    patch.setattr(Gatekeeper, "used", hasty)


@mutant("V10", night=21)
def _reserve_of_the_plan_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doors, "held_back", lambda bounds, event: None)


@mutant("V10")
def _no_lead(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gatekeeper, "needs_lead", lambda self, phase: False)


def _decides_without(**fields: Any) -> Plant:
    decide = deciding.decide
    return lambda patch: patch.setattr(steps, "decide", lambda seen: decide(replace(seen, **fields)))


MUTANTS.append(Mutant("pause ignored", _decides_without(paused=False), ("V10",), night=38))
MUTANTS.append(Mutant("requests to stop ignored", _decides_without(stop=None), ("V10", "V11", "V7"), night=8))


@mutant("V10", night=80)
def _deadline_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stopping, "begin", lambda self: None)


# the pace of a plan -------------------------------------------------------------------------------------------------


@mutant("V21", night=21)
def _at_once_of_a_plan_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan_pace, "is_full", lambda ledger, phase, running: False)


@mutant("V21", night=34)
def _rate_of_a_plan_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan_pace, "closed", lambda job, ledger, phase, now: None)


@mutant("V21", night=21)
def _pace_of_a_plan_not_recorded(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(apply._APPLY, PaceGiven, lambda db, seq, time, event: None)
