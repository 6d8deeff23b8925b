"""What would run next, and what its session would be told; reads everything and starts nothing."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from harness.base.artifacts import ArtifactStore
from harness.base.errors import Problem, UsageError
from harness.base.ids import AttemptId
from harness.cli.later_phases import foreseen_prompt, rendered
from harness.cli.outline import cells_as_json
from harness.core.advance import Need
from harness.core.money import to_micro, to_usd
from harness.core.reserve import reservation
from harness.core.types import Item
from harness.core.work import Rendered, Work
from harness.evaluation.bounded import Bounded
from harness.job.job import Job
from harness.ledger import entry_queries, group_queries, item_queries, run_queries
from harness.ledger.contents import contents_of
from harness.ledger.job_queries import planned
from harness.planning.batches import batches_of
from harness.planning.pilot_batches import batches_ahead, spread
from harness.planning.select import Selection
from harness.planning.selections import selected
from harness.planning.work import work_of
from harness.sources.read import Reading, read
from harness.views.wording import clean, counted, listed

_MOST_LINES = 40


@dataclass(frozen=True, slots=True)
class Planned:
    """One group that would run, and why; `waits_for` is empty when it may start at once."""

    phase: str
    batch: str
    items: tuple[str, ...]
    state: str
    tries: int
    why: str
    waits_for: str


def read_items(job: Job) -> Reading:
    """The items of the job. UsageError with every problem."""
    with closing(Bounded()) as bounded:
        return read(job, bounded)


def to_be_worked_on(job: Job, items: Sequence[Item]) -> Selection:
    """What the source's selection is, or would be today. UsageError when it cannot be made."""
    if job.items.select is not None:
        with planned(job.home.ledger) as db:
            if db is not None:
                known = set(item_queries.selected_items(db))
                return Selection(tuple(item for item in items if str(item.id) in known))
    return selected(job, items)


def planned_groups(job: Job, items: Sequence[Item]) -> list[Planned]:
    """What would run: from the ledger, or from the items when nothing was launched yet."""
    with planned(job.home.ledger) as db:
        if db is not None:
            return list(_queued(job, db))
    return new_groups(job, items)


def new_groups(job: Job, items: Sequence[Item]) -> list[Planned]:
    """The first-phase batches of items that are not planned yet, from 1."""
    first = job.phases[0]
    return [
        Planned(first.name, str(batch.number), tuple(item.id for item in batch.items), "ready", 0, "not tried yet", "")
        for batch in batches_of(job, items)
    ]


def pilot_to_come(job: Job, items: Sequence[Item]) -> tuple[int, ...]:
    """The batches that the next launch would run ahead; none when the pilot was there, or the manifest names none."""
    with planned(job.home.ledger) as db:
        if db is not None:
            return batches_ahead(db, job.pilot)
    return spread(len(batches_of(job, items)), job.pilot) if job.pilot else ()


_WHY = {
    "planned": "not tried yet",
    "retry": "rejected or missing in its last try",
    "again": "its last try ended through no fault of its own",
    "repeated": "its last try left nothing usable: once more as it is",
    "halved": "its last try left nothing usable: cut in half",
    "alone": "one strike short of failing: goes alone",
    "chosen": "chosen by --first or --only",
    "reopened": "reopened: retried, rejected or redone",
}


def _queued(job: Job, db: sqlite3.Connection) -> Iterator[Planned]:
    for group in group_queries.open_groups(db):
        phase, number, part = group.batch.phase, group.batch.number, group.batch.part
        waits = _in_words(job, group.needs)
        said = (
            "was left out of the last run (--first, --only, --batch)"
            if group.parked
            else _WHY.get(group.why, group.why)
        )
        label = f"{number}.{part}" if part else str(number)
        yield Planned(job.phase(phase).name, label, group.items, group.state, group.tries, said, waits)


def _in_words(job: Job, needs: Sequence[Need]) -> str:
    return " and ".join(
        f"{job.phase(need.phase).name} 1{f' to {need.number}' if need.number > 1 else ''}" for need in needs
    )


def plan_lines(job: Job, groups: Sequence[Planned]) -> Iterator[str]:
    """A table of what would run, in the order it would run."""
    if not groups:
        yield f"{clean(job.name)}: nothing is left to run"
    several, nouns = len(job.phases) > 1, {phase.name: phase.noun for phase in job.phases}
    for group in groups[:_MOST_LINES]:
        batch = f"{group.phase} {group.batch}" if several else group.batch
        who = counted(len(group.items), clean(nouns[group.phase]))
        waits = f", waits for {group.waits_for}" if group.waits_for else ""
        tries = f", {counted(group.tries, 'earlier try')}" if group.tries else ""
        yield f"  {batch:<16} {group.state:<8} {who}: {listed(list(group.items))} ({group.why}{tries}{waits})"
    if len(groups) > _MOST_LINES:
        yield f"  and {counted(len(groups) - _MOST_LINES, 'more group')}; `--json` lists all"
    for later in job.phases[1:]:
        before = job.phase(later.from_ or 1).name
        yield f"  {later.name}: batch N is planned when batch N of {before} is settled"


def plan_as_json(job: Job, groups: Sequence[Planned]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "job": job.name,
        "rehearsal": job.rehearsal,
        "cells": cells_as_json(job),
        "groups": [asdict(group) for group in groups],
        "reservation_usd": {phase.name: float(to_usd(reservation(job, phase))) for phase in job.phases},
        "budget_usd": float(to_usd(to_micro(job.budget))) if job.budget is not None else None,
    }


def prompt_of(job: Job, items: Sequence[Item], phase: str) -> Rendered | None:
    """What a session of the phase would be told; without a name, the next session. UsageError for an unknown name."""
    named = next((each for each in job.phases if each.name == phase), None)
    if phase and named is None:
        names = [each.name for each in job.phases]
        near = get_close_matches(phase, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        raise UsageError([Problem("--phase", f"there is no phase {phase!r}", hint)])
    if named is None or named.from_ is None:
        return first_prompt(job, items)
    return foreseen_prompt(job, items, named)


def first_prompt(job: Job, items: Sequence[Item]) -> Rendered | None:
    """What the next session would be told: exactly, from the ledger; or as the first one of a new job."""
    with planned(job.home.ledger) as db:
        if db is not None:
            return _next_prompt(job, db)
    batch = batches_of(job, items)[0]
    return rendered(job, Work(job.phases[0], batch.ref, batch.items, (batch.first, batch.last)), AttemptId(1))


def _next_prompt(job: Job, db: sqlite3.Connection) -> Rendered | None:
    group = group_queries.next_ready(db)
    if group is None:
        return None
    with closing(contents_of(job.home.ledger)) as contents:
        store = ArtifactStore(job.home.artifacts, contents)
        work = work_of(job, db, store, group, entry_queries.last_seq(db) + 1)
    return rendered(job, work, run_queries.run_state(db).next_attempt)
