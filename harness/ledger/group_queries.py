"""What is asked about groups: which may start next, which wait, how fast their phase may go."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.base.ids import GroupId, ItemId
from harness.core.advance import Need
from harness.core.types import BatchRef
from harness.job.batch_plan import Pace

_ALL_PHASES: Final = 2**31


@dataclass(frozen=True, slots=True)
class ReadyGroup:
    """A group that may start. `late` = it runs beside the plan: its item was retried by hand."""

    id: GroupId
    batch: BatchRef
    items: tuple[ItemId, ...]
    tries: int
    late: bool


def next_ready(db: sqlite3.Connection, until: int | None = None) -> ReadyGroup | None:
    """The first group in the order tries, batch, phase; of no phase behind `until`. A serial phase (`needs: previous`)
    runs one group at a time.

    Each phase is asked for its own first group: those of a phase that may not start are not walked over.
    """
    row = db.execute(
        """SELECT g.id, g.phase, g.number, g.part, g.items, g.tries, g.late FROM phases p
           JOIN groups g ON g.id = (SELECT id FROM groups WHERE state = 'ready' AND parked = 0 AND phase = p.phase
             ORDER BY tries, number, part, id LIMIT 1)
           WHERE p.phase <= ? AND (p.needs != 'previous' OR NOT EXISTS (
             SELECT 1 FROM attempts a WHERE a.ended_seq IS NULL AND a.phase = p.phase))
           ORDER BY g.tries, g.number, g.phase, g.part, g.id LIMIT 1""",
        (_ALL_PHASES if until is None else until,),
    ).fetchone()
    return ready_group(row) if row else None


def is_another_ready(db: sqlite3.Connection, until: int | None = None) -> bool:
    """Is more than one group ready, of no phase behind `until`?"""
    query = "SELECT 1 FROM groups WHERE state = 'ready' AND parked = 0 AND phase <= ? LIMIT 1 OFFSET 1"
    return db.execute(query, (_ALL_PHASES if until is None else until,)).fetchone() is not None


def ready_group(row: Sequence[object]) -> ReadyGroup:
    group, phase, number, part, items, tries, late = row
    return ReadyGroup(
        GroupId(int(str(group))),
        BatchRef(int(str(phase)), int(str(number)), int(str(part))),
        tuple(ItemId(item) for item in json.loads(str(items))),
        int(str(tries)),
        bool(late),
    )


def pace_of(db: sqlite3.Connection, phase: int) -> Pace:
    """How fast the accepted plans let a phase go: the slowest of them, each bound for itself."""
    query = "SELECT min(starts_per_minute), min(at_once) FROM paces WHERE phase = ?"
    return Pace(*db.execute(query, (phase,)).fetchone())


@dataclass(frozen=True, slots=True)
class QueuedGroup:
    """A group that waits or is ready; `roots` maps each of its items to its first-phase item."""

    id: GroupId
    batch: BatchRef
    tries: int
    roots: dict[ItemId, str]


def queued_groups(db: sqlite3.Connection) -> list[QueuedGroup]:
    """Every group in the queue, in order of id."""
    rows = db.execute(
        """SELECT g.id, g.phase, g.number, g.part, g.tries, i.item, i.root FROM groups g, json_each(g.items) e
           JOIN items i ON i.phase = g.phase AND i.item = e.value
           WHERE g.state IN ('waiting', 'ready') ORDER BY g.id, e.key"""
    ).fetchall()
    groups: dict[int, QueuedGroup] = {}
    for group, phase, number, part, tries, item, root in rows:
        queued = groups.setdefault(group, QueuedGroup(GroupId(group), BatchRef(phase, number, part), tries, {}))
        queued.roots[ItemId(item)] = root
    return list(groups.values())


def reopened_items(db: sqlite3.Connection) -> int:
    """Items that a person has reopened, and that no session has taken since."""
    query = "SELECT coalesce(sum(json_array_length(items)), 0) FROM groups WHERE why = 'reopened' AND state = 'ready'"
    return int(db.execute(query).fetchone()[0])


def has_parked_groups(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM groups WHERE parked = 1 AND state != 'closed' LIMIT 1").fetchone() is not None


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """A group that is not closed. `why` is why it was queued; `parked`: the last run was not to take it; `needs`: it
    waits for every batch of a phase up to a number."""

    batch: BatchRef
    items: tuple[ItemId, ...]
    state: str
    tries: int
    why: str
    parked: bool
    needs: tuple[Need, ...] = ()


def open_groups(db: sqlite3.Connection) -> list[OpenGroup]:
    """In the order in which they would start; those that wait come last."""
    needs: dict[int, list[Need]] = {}
    for group, phase, number in db.execute("SELECT group_id, phase, number FROM needs ORDER BY phase, number"):
        needs.setdefault(group, []).append(Need(phase, number))
    rows = db.execute(
        """SELECT phase, number, part, items, state, tries, why, parked, id FROM groups WHERE state != 'closed'
           ORDER BY state = 'waiting', tries, number, phase, part, id"""
    )
    return [
        OpenGroup(
            BatchRef(*ref), tuple(json.loads(items)), state, tries, why, bool(parked), tuple(needs.get(group, ()))
        )
        for *ref, items, state, tries, why, parked, group in rows
    ]
