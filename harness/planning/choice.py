"""What one run looks at: some items or batches, and up to which phase."""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from harness.base.errors import Problem, UsageError
from harness.core.events import GroupQueued, GroupsChosen
from harness.core.item_ids import near
from harness.core.types import Item
from harness.job.job import Job
from harness.ledger import group_queries, item_queries, run_queries
from harness.ledger.batch_queries import planned_batches, roots_in
from harness.ledger.store import Ledger
from harness.planning.batch_names import BatchRange, refuse_unknown_batches
from harness.planning.batches import batches_of


@dataclass(frozen=True, slots=True)
class Choice:
    """What this run looks at: the first items, or only some, or some batches, none means everything; and up to which
    phase."""

    first: int | None = None
    only: tuple[str, ...] = ()
    batches: tuple[BatchRange, ...] = ()
    until: str | None = None


def choose(ledger: Ledger, choice: Choice) -> set[str] | None:
    """Park every queued group that this run does not look at; groups that hold both kinds are cut in two.

    Returns the first-phase items that it looks at; None = all.
    """
    db = ledger.db
    wanted = chosen_roots(db, choice)
    if wanted is None:
        if group_queries.has_parked_groups(db):
            ledger.record(GroupsChosen(None))
        return None
    chosen: list[int] = []
    with ledger.transaction() as transaction:
        for queued in group_queries.queued_groups(db):
            ref = queued.batch
            is_named = not choice.batches or any(each.holds(ref.number, ref.part) for each in choice.batches)
            inside = [item for item, root in queued.roots.items() if is_named and root in wanted]
            if len(inside) == len(queued.roots):
                chosen.append(queued.id)
            elif inside:
                group = run_queries.run_state(db).next_group
                transaction.record(
                    [GroupQueued(group, ref.phase, ref.number, ref.part, tuple(inside), queued.tries, "chosen")]
                )
                chosen.append(group)
        transaction.record([GroupsChosen(tuple(chosen))])
    return wanted


def chosen_roots(db: sqlite3.Connection, choice: Choice) -> set[str] | None:
    """The first-phase items that a run looks at; None = all."""
    if choice.first is None and not choice.only and not choice.batches:
        return None
    in_batches = {root for each in choice.batches for root in roots_in(db, each.first, each.last, each.part)}
    return {*choice.only, *item_queries.selected_items(db)[: choice.first or 0], *in_batches}


def refuse_unknown(
    job: Job,
    known: Sequence[str],
    choice: Choice,
    batches: Callable[[], Collection[tuple[int, int]]],
    source: Sequence[str] = (),
) -> None:
    """UsageError for every `--only` that names no item, or one of the source that was not selected; for a `--batch`
    that was not planned, and for an `--until` that names no phase."""
    names = [phase.name for phase in job.phases]
    if choice.until is not None and choice.until not in names:
        near_by = get_close_matches(choice.until, names, n=1)
        hint = f"did you mean {near_by[0]!r}?" if near_by else f"its phases: {', '.join(names)}"
        raise UsageError([Problem("--until", f"unknown phase {choice.until!r}", hint)])
    if choice.batches:
        refuse_unknown_batches(choice.batches, batches())
    if unknown := set(choice.only) - set(known):
        left_out = unknown & set(source)
        message = f"select leaves this {job.noun} out"
        problems = [Problem("--only", f"{message}: {item!r}", "`harness check` says why") for item in sorted(left_out)]
        raise UsageError([*problems, *(_unknown(job, known, item) for item in sorted(unknown - left_out))])


def batches_known(
    job: Job, new: Sequence[Item], db: sqlite3.Connection | None = None
) -> Callable[[], Collection[tuple[int, int]]]:
    """Those that were planned, and those that these items would make behind them."""

    def known() -> set[tuple[int, int]]:
        planned = planned_batches(db) if db is not None else set()
        last = max((number for number, _ in planned), default=0)
        return planned | {(last + batch.number, 0) for batch in (batches_of(job, new) if new else ())}

    return known


def _unknown(job: Job, known: Sequence[str], item: str) -> Problem:
    meant = ", ".join(map(repr, near(item, known)))
    return Problem("--only", f"no {job.noun} has the id {item!r}", f"did you mean {meant}?" if meant else None)
