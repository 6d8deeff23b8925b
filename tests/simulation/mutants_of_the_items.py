"""Mutants of what becomes of items: their strikes, the attempts that a lost supervisor left, and the merge."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from harness.base.slices import ItemSlice, Slice
from harness.core import events as e
from harness.core import settle as settling
from harness.core.advance import Waiting, plan_parts
from harness.core.events import Event, ItemFailed, ItemStruck
from harness.core.settle import settle
from harness.core.types import Ending
from harness.core.work import Work
from harness.ledger import apply, apply_items, attempt_queries, flow, group_queries, pieces
from harness.ledger.attempt_queries import Unsettled
from harness.supervisor import attempt as attempting
from harness.supervisor import loop as supervising
from harness.supervisor import lost_attempts, merger
from harness.supervisor import snapshot as seeing
from harness.supervisor.run_context import RunContext
from tests.simulation.mutant import Mutant, Plant, listed_in
from tests.simulation.world import World

MUTANTS: list[Mutant] = []
mutant = partial(listed_in, MUTANTS)


# strikes ------------------------------------------------------------------------------------------------------------


def _without(blame: str) -> Plant:
    kept = tuple(each for each in settling._NO_STRIKE if each != blame)
    return lambda patch: patch.setattr(settling, "_NO_STRIKE", kept)


for _blame, _night in (("provider", 3), ("host", 1), ("operator", 22)):
    MUTANTS.append(Mutant(f"strikes for faults of the {_blame}", _without(_blame), ("V3", "V10"), night=_night))


@mutant("V3")
def _belief_without_proof(patch: pytest.MonkeyPatch) -> None:
    no_strike_retries = settling._transient_or_not
    patch.setattr(
        settling,
        "_transient_or_not",
        lambda open_, fault: no_strike_retries(replace(open_, no_strike_retries=3, others_ended_well=True), fault),
    )


@mutant("V3", night=4)
def _last_strike_in_company(patch: pytest.MonkeyPatch) -> None:
    def strike_each(self: settling._Rest) -> list[Event]:
        open_, phase = self.open_, self.open_.batch.phase
        events: list[Event] = [ItemStruck(open_.attempt, phase, each.id, ("wrong",)) for each in self.members]
        out = [each for each in self.members if each.strikes + 1 >= open_.strikes_allowed]
        events += [ItemFailed(open_.attempt, phase, each.id, kind="strikes") for each in out]
        rest = [each for each in self.members if each not in out]
        return [*events, *([settling._again(open_, rest, "retry", open_.next_group)] if rest else [])]

    patch.setattr(settling._Rest, "_strike_each", strike_each)


@mutant("V3", night=12)
def _strikes_kept_in_a_new_round(patch: pytest.MonkeyPatch) -> None:
    def reopened(db: sqlite3.Connection, seq: int, time: str, event: Any) -> None:
        apply_items._settle_item(db, time, event.phase, event.item, "pending", "failed")

    patch.setitem(apply._APPLY, e.ItemReopened, reopened)


@mutant("V11", "V7")
def _repeated_for_ever_instead_of_halved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(attempting, "settle", lambda open_, *rest: settle(replace(open_, batch_repeated=False), *rest))


@mutant("V11", night=8)
def _broken_set_up_never_stops(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(seeing, "broken_setup", lambda tail: None)
    patch.setattr(seeing.SnapshotReader, "_fruitless", lambda self, phase: None)


# checks that raise ----------------------------------------------------------------------------------------------------


@mutant("V3c", night=15)
def _struck_by_a_check_that_never_worked(patch: pytest.MonkeyPatch) -> None:
    def blind(open_: Any, ending: Any, judgement: Any, *rest: Any) -> list[Event]:
        return settle(open_, ending, replace(judgement, raised_check=None), *rest)

    patch.setattr(attempting, "settle", blind)


@mutant("V11c", night=15)
def _one_odd_record_stops_the_night(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "MOST_CHECKS_RAISED", 1)


@mutant("V11c", night=58)
def _a_check_that_never_works_is_asked_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "MOST_CHECKS_RAISED", 10**9)


# lost supervisors -----------------------------------------------------------------------------------------------------


@mutant("V5", "V7", "V10", "V12")
def _lost_attempts_left_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(attempt_queries, "unsettled", lambda db: [])


def _salvage(change: Callable[[RunContext, Any], Any]) -> Plant:
    """Replaces what the supervisor does with one attempt that a lost supervisor left open."""

    async def salvage(run: RunContext, files: Any, stopping: Any) -> None:
        for lost in attempt_queries.unsettled(run.ledger.db):
            work, ending = await change(run, lost)
            await lost_attempts.judge_and_settle(run, lost, work, ending)

    return lambda patch: patch.setattr(supervising, "salvage_all", salvage)


async def _believe_nothing(run: RunContext, lost: Unsettled) -> tuple[Work, Ending]:
    work, ending = await lost_attempts.salvage(run, lost)
    return work, replace(ending, artifacts=())


async def _end_nothing(run: RunContext, lost: Unsettled) -> tuple[Work, Ending]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "_end_orphan", lambda world, session: None)
        return await lost_attempts.salvage(run, lost)


MUTANTS.append(Mutant("salvage trusts nothing", _salvage(_believe_nothing), ("V2",)))
MUTANTS.append(Mutant("salvage ends nothing", _salvage(_end_nothing), ("V5", "V12")))


# the merge ------------------------------------------------------------------------------------------------------------


@mutant("V2")
def _merged_in_order_of_acceptance(patch: pytest.MonkeyPatch) -> None:
    def by_sequence(db: sqlite3.Connection, phase: int) -> Iterator[ItemSlice]:
        rows = db.execute("SELECT item, sha, offset, length_bytes FROM accepted WHERE phase = ? ORDER BY seq", (phase,))
        return (ItemSlice(item, Slice(*place)) for item, *place in rows)

    patch.setattr(pieces, "merge_pieces", by_sequence)


@mutant("V2")
def _merge_skips_the_last(patch: pytest.MonkeyPatch) -> None:
    whole = pieces.merge_pieces
    patch.setattr(pieces, "merge_pieces", lambda db, phase: iter(list(whole(db, phase))[:-1]))


@mutant("V2", "V0")
def _merge_is_current_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(merger, "is_merged", lambda ledger, phase: phase.output.merge.exists())


# given batches --------------------------------------------------------------------------------------------------------


@mutant("V20", night=21)
def _given_batches_are_cut_by_size(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(flow, "plan_parts", lambda waiting, group: plan_parts(replace(waiting, given=()), group))


@mutant("V20", night=21)
def _batches_of_two_plans_are_thrown_together(patch: pytest.MonkeyPatch) -> None:
    def without_makers(waiting: Waiting, group: int) -> list[Event]:
        return plan_parts(replace(waiting, given=tuple(("", batch) for _, batch in waiting.given)), group)

    patch.setattr(flow, "plan_parts", without_makers)


# what waits -----------------------------------------------------------------------------------------------------------


@mutant("V24")
def _a_need_is_never_removed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(apply, "_meet_needs", lambda db, phase, settled_to: None)


@mutant("V23", "V24", night=25)
def _a_need_is_removed_too_early(patch: pytest.MonkeyPatch) -> None:
    meet = apply._meet_needs
    patch.setattr(apply, "_meet_needs", lambda db, phase, settled_to: meet(db, phase, settled_to + 1))


@mutant("V24")
def _a_group_without_needs_is_not_made_ready(patch: pytest.MonkeyPatch) -> None:

    def forgetful(db: sqlite3.Connection, phase: int, settled_to: int) -> None:
        db.execute("DELETE FROM needs WHERE phase = ? AND number <= ?", (phase, settled_to))

    patch.setattr(apply, "_meet_needs", forgetful)


@mutant("V23")
def _needs_are_not_written(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(apply, "needs_of", lambda batch, needs, from_phase: ())


@mutant("V25", layer="budget")
def _every_phase_is_done_for_all_before_the_next(patch: pytest.MonkeyPatch) -> None:
    """The queue's old order: tries, phase, batch."""

    def by_phase(db: sqlite3.Connection, until: int | None = None) -> group_queries.ReadyGroup | None:
        row = db.execute(
            "SELECT id, phase, number, part, items, tries, late FROM groups WHERE state = 'ready' AND parked = 0"
            " ORDER BY tries, phase, number, part, id LIMIT 1"
        ).fetchone()
        return group_queries.ready_group(row) if row else None

    patch.setattr(group_queries, "next_ready", by_phase)
