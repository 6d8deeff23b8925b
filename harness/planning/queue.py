"""The groups that would run next, and why: of the ledger, or of the items when nothing is planned yet."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.core.advance import Need
from harness.core.types import Item
from harness.job.job import Job
from harness.ledger import batch_queries, group_queries
from harness.ledger.job_queries import planned
from harness.ledger.selection_queries import candidates
from harness.planning.batches import batches_of
from harness.planning.changes import Changes
from harness.planning.pilot_batches import batches_ahead, spread
from harness.planning.selections import selected


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


def groups_to_add(job: Job, changes: Changes) -> list[Planned]:
    """What `launch --add` would plan behind what is there: the items of the source that were not planned yet."""
    new = (*changes.added, *changes.left_out)
    if not new:
        return []
    with planned(job.home.ledger) as db:
        if db is None:
            return []
        chosen = selected(job, new, candidates(db, 1)[1]).chosen
        last = batch_queries.batches_of_first_phase(db)
    return [
        replace(group, batch=str(last + number), state="new", why="not planned yet")
        for number, group in enumerate(new_groups(job, chosen), 1)
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
