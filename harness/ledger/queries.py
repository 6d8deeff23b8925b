"""What the supervisor asks the ledger; each question costs the same at item 1 and at item 100,000.

Where `INDEXED BY` is written, SQLite alone would take the primary key and walk the whole phase.
"""

import json
import sqlite3
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from harness.base.artifacts import ArtifactStore
from harness.base.clock import from_text
from harness.base.ids import AttemptId, GroupId, ItemId, Sha, Token
from harness.base.instances import VAR
from harness.core.advance import Ended, Tail
from harness.core.remedies import remedy
from harness.core.types import BatchRef, Item, Json
from harness.job.batch_plan import Pace
from harness.ledger.shapes import inside

_ALL_PHASES: Final = 2**31


@dataclass(frozen=True, slots=True)
class ReadyGroup:
    """A group that may start. `late` = it runs beside the plan: its item was retried by hand."""

    id: GroupId
    batch: BatchRef
    items: tuple[ItemId, ...]
    tries: int
    late: bool


@dataclass(frozen=True, slots=True)
class Money:
    """In micro-dollars. `reserved` is the sum over attempts that have not ended."""

    spent: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Used:
    """What the job has used so far; tokens without cache reads."""

    sessions: int
    turns: int
    tokens: int


@dataclass(frozen=True, slots=True)
class RunState:
    """What a run needs to know of the runs before it."""

    paused: bool
    hold: tuple[datetime, str] | None
    provider_faults_in_a_row: int
    next_attempt: AttemptId
    next_group: GroupId
    used: Used


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An attempt without its end; after a crash it is settled from its folder."""

    attempt: AttemptId
    token: Token
    group: ReadyGroup
    session_id: str
    folder: str
    started_seq: int


def next_ready(db: sqlite3.Connection, until: int | None = None) -> ReadyGroup | None:
    """The first group in the order tries, phase, batch; of no phase behind `until`. A serial phase (`needs: previous`)
    runs one group at a time."""
    row = db.execute(
        """SELECT id, phase, number, part, items, tries, late FROM groups
           WHERE state = 'ready' AND parked = 0 AND phase <= ? AND phase NOT IN (
             SELECT a.phase FROM attempts a JOIN phases p ON p.phase = a.phase
             WHERE a.ended_seq IS NULL AND p.needs = 'previous')
           ORDER BY tries, phase, number, part, id LIMIT 1""",
        (_ALL_PHASES if until is None else until,),
    ).fetchone()
    return _group(row) if row else None


def is_another_ready(db: sqlite3.Connection, until: int | None = None) -> bool:
    """Is more than one group ready, of no phase behind `until`?"""
    query = "SELECT 1 FROM groups WHERE state = 'ready' AND parked = 0 AND phase <= ? LIMIT 1 OFFSET 1"
    return db.execute(query, (_ALL_PHASES if until is None else until,)).fetchone() is not None


def _group(row: Sequence[object]) -> ReadyGroup:
    group, phase, number, part, items, tries, late = row
    return ReadyGroup(
        GroupId(int(str(group))),
        BatchRef(int(str(phase)), int(str(number)), int(str(part))),
        tuple(ItemId(item) for item in json.loads(str(items))),
        int(str(tries)),
        bool(late),
    )


def money(db: sqlite3.Connection) -> Money:
    (spent,) = db.execute("SELECT spent_microusd FROM job").fetchone()
    (reserved,) = db.execute(
        "SELECT coalesce(sum(reserved_microusd), 0) FROM attempts WHERE ended_seq IS NULL"
    ).fetchone()
    return Money(spent, reserved)


def run_state(db: sqlite3.Connection) -> RunState:
    paused, until, reason, faults, attempt, group, *used = db.execute(
        "SELECT paused, hold_until, hold_reason, provider_faults_in_a_row, next_attempt, next_group,"
        " sessions, turns, tokens FROM job"
    ).fetchone()
    hold = (from_text(until), str(reason)) if until else None
    return RunState(bool(paused), hold, faults, AttemptId(attempt), GroupId(group), Used(*used))


def last_starts(db: sqlite3.Connection, number: int, phase: int | None = None) -> list[datetime]:
    """When the last attempts started, oldest first; of one phase, or of all."""
    query = "SELECT started_at FROM attempts WHERE ? IS NULL OR phase = ? ORDER BY id DESC LIMIT ?"
    return [from_text(row[0]) for row in reversed(db.execute(query, (phase, phase, number)).fetchall())]


def pace_of(db: sqlite3.Connection, phase: int) -> Pace:
    """How fast the accepted plans let a phase go: the slowest of them, each bound for itself."""
    query = "SELECT min(starts_per_minute), min(at_once) FROM paces WHERE phase = ?"
    return Pace(*db.execute(query, (phase,)).fetchone())


def unsettled(db: sqlite3.Connection) -> list[Unsettled]:
    """Attempts that started and did not end, oldest first."""
    rows = db.execute(
        """SELECT a.id, a.token, a.session_id, a.folder, a.started_seq,
                  g.id, g.phase, g.number, g.part, a.items, g.tries, g.late
           FROM attempts a JOIN groups g ON g.id = a.group_id WHERE a.ended_seq IS NULL ORDER BY a.id"""
    ).fetchall()
    return [
        Unsettled(AttemptId(row[0]), Token(row[1]), _group(row[5:]), row[2], inside(row[3]), row[4]) for row in rows
    ]


def items_of(db: sqlite3.Connection, group: ReadyGroup, store: ArtifactStore, folder: Path) -> tuple[Item, ...]:
    """The items of a group in item order, with the records of the phase before."""
    return tuple(_item(db, group.batch.phase, item, store, folder) for item in group.items)


def _item(db: sqlite3.Connection, phase: int, item: ItemId, store: ArtifactStore, folder: Path) -> Item:
    from_phase, parent = db.execute(
        "SELECT p.from_phase, i.parent FROM items i JOIN phases p ON p.phase = i.phase"
        " WHERE i.phase = ? AND i.item = ?",
        (phase, item),
    ).fetchone()
    row, file, sha = _row(db, phase, item)
    records = records_of(db, from_phase, parent, store) if parent is not None else ()
    return Item(item, row, folder / inside(file) if file else None, records, sha)


def _row(db: sqlite3.Connection, phase: int, item: str) -> tuple[dict[str, Json], str | None, str]:
    """The item's row, its file and its hash: its own, or where the phase keeps its items, those of the phase before."""
    text, file, sha, parent, makes_items, from_phase = db.execute(
        """SELECT i.data, i.file, i.sha, i.parent, p.makes_items, p.from_phase
           FROM items i JOIN phases p ON p.phase = i.phase WHERE i.phase = ? AND i.item = ?""",
        (phase, item),
    ).fetchone()
    if parent is None or makes_items:
        return json.loads(text), file, sha
    return _row(db, from_phase, parent)


def records_of(db: sqlite3.Connection, phase: int, item: str, store: ArtifactStore) -> tuple[Json, ...]:
    """The accepted records of an item; none when it has none."""
    row = db.execute(
        "SELECT sha, offset, length_bytes FROM accepted WHERE phase = ? AND item = ?", (phase, item)
    ).fetchone()
    if row is None:
        return ()
    sha, offset, length = row
    content = store.get(Sha(sha))[offset : offset + length]
    return tuple(json.loads(line) for line in content.splitlines())


def reasons_of(db: sqlite3.Connection, group: ReadyGroup) -> dict[ItemId, tuple[str, ...]]:
    """Why the last try of each item was rejected; items without reasons are left out."""
    reasons: dict[ItemId, tuple[str, ...]] = {}
    for item in group.items:
        (text,) = db.execute(
            "SELECT reasons FROM items WHERE phase = ? AND item = ?", (group.batch.phase, item)
        ).fetchone()
        if found := tuple(json.loads(text)):
            reasons[item] = found
    return reasons


def tail(db: sqlite3.Connection) -> Tail:
    """The last ten strike-worthy attempts of this run, newest first."""
    rows = db.execute(
        """SELECT outcome, items, CASE WHEN fault = 'denied' THEN detail ELSE '' END FROM attempts
           WHERE run = (SELECT run FROM job) AND outcome IN ('well', 'partly', 'whole')
           ORDER BY ended_seq DESC LIMIT 10"""
    ).fetchall()
    return Tail([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def newest_ended(db: sqlite3.Connection) -> list[Ended]:
    """The ended ones among the last 300 attempts, if they are of this run; newest end first."""
    rows = db.execute(
        """SELECT started_seq, ended_seq, outcome = 'excused' AND blame = 'host', fault || ': ' || detail FROM attempts
           WHERE id > (SELECT next_attempt FROM job) - 300 AND run = (SELECT run FROM job) AND ended_seq IS NOT NULL
           ORDER BY ended_seq DESC"""
    ).fetchall()
    return [Ended(started, ended, bool(is_breakdown), detail or "") for started, ended, is_breakdown, detail in rows]


def fruitless_phase(db: sqlite3.Connection) -> str | None:
    """The phase that has accepted nothing after ten strike-worthy attempts of this run."""
    row = db.execute("SELECT name FROM phases WHERE has_accepted = 0 AND fruitless >= 10 LIMIT 1").fetchone()
    return str(row[0]) if row else None


def has_several_phases(db: sqlite3.Connection) -> bool:
    return int(db.execute("SELECT count(*) FROM phases").fetchone()[0]) > 1


def last_seq(db: sqlite3.Connection) -> int:
    """The number of the newest entry."""
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0])


def positions(db: sqlite3.Connection, batch: BatchRef) -> tuple[int, int]:
    """First and last position of a batch in its phase, from 1, by item order."""
    first, last = db.execute(
        "SELECT min(place), max(place) FROM items INDEXED BY items_by_number"
        " WHERE phase = ? AND number = ? AND part = ?",
        (batch.phase, batch.number, batch.part),
    ).fetchone()
    if batch.phase == 1:  # the place of a first-phase item is its position
        return int(first), int(last)
    count = "SELECT count(*) FROM items WHERE phase = ? AND place <= ? AND state != 'skipped'"
    (last_at,) = db.execute(count, (batch.phase, last)).fetchone()
    (size,) = db.execute(
        "SELECT count(*) FROM items INDEXED BY items_by_number WHERE phase = ? AND number = ? AND part = ?",
        (batch.phase, batch.number, batch.part),
    ).fetchone()
    return last_at - size + 1, last_at


def stopped_by(db: sqlite3.Connection, attempt: AttemptId) -> str | None:
    """Why this attempt showed the set-up to be broken, and what to do about it, or None."""
    row = db.execute("SELECT detail, fault FROM attempts WHERE id = ? AND outcome = 'stopped'", (attempt,)).fetchone()
    if row is None:
        return None
    rehearsal, asked = db.execute("SELECT rehearsal, fingerprint FROM job").fetchone()
    name = json.loads(asked).get(f"vars.{VAR}")
    to_do = remedy(row[1], rehearsal=bool(rehearsal), instance=json.loads(name) if name else None)
    return f"{row[1]}: {row[0]}" + (f"; {to_do}" if to_do else "")


@dataclass(frozen=True, slots=True)
class ItemOfBatch:
    """An item, and the batch it belongs to."""

    item: ItemId
    batch: BatchRef


def failed_items(db: sqlite3.Connection, wanted: Sequence[ItemId] | None) -> list[ItemOfBatch]:
    """Failed items in phase and item order; `wanted` names items or first-phase items, None means all."""
    rows = db.execute(
        "SELECT phase, item, number, part, root FROM items WHERE state = 'failed' ORDER BY phase, place"
    ).fetchall()
    return [
        ItemOfBatch(ItemId(item), BatchRef(phase, number, part))
        for phase, item, number, part, root in rows
        if wanted is None or item in wanted or root in wanted
    ]


def newest_accepted(db: sqlite3.Connection, phase: int) -> ItemOfBatch | None:
    """The item of a phase that was accepted last."""
    row = db.execute(
        """SELECT a.item, i.number, i.part FROM accepted a JOIN items i ON i.phase = a.phase AND i.item = a.item
           WHERE a.phase = ? ORDER BY a.seq DESC LIMIT 1""",
        (phase,),
    ).fetchone()
    return ItemOfBatch(ItemId(row[0]), BatchRef(phase, row[1], row[2] or 0)) if row else None


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


def pilot_state(db: sqlite3.Connection) -> str | None:
    """`started`, `judged`, or None when the job has had no pilot."""
    (state,) = db.execute("SELECT pilot FROM job").fetchone()
    return str(state) if state else None


def first_phase_items(db: sqlite3.Connection) -> list[str]:
    """Every first-phase item, in item order."""
    return [row[0] for row in db.execute("SELECT item FROM items WHERE phase = 1 ORDER BY place")]


def selected_items(db: sqlite3.Connection) -> list[str]:
    """Every first-phase item that was not left out on purpose, in item order."""
    return [
        row[0] for row in db.execute("SELECT item FROM items WHERE phase = 1 AND state != 'skipped' ORDER BY place")
    ]


def batches_of_first_phase(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT coalesce(max(number), 0) FROM batches WHERE phase = 1").fetchone()[0])


def members(db: sqlite3.Connection, batches: Sequence[int]) -> set[str]:
    """The first-phase items of these batches."""
    query = "SELECT item FROM items WHERE phase = 1 AND number = ?"
    return {row[0] for number in batches for row in db.execute(query, (number,))}


def done_and_settled(db: sqlite3.Connection) -> tuple[int, int]:
    """Items that are done, and items that are done or failed, over all phases."""
    done, settled = db.execute(
        "SELECT sum(state = 'done'), count(*) FROM items WHERE state IN ('done', 'failed')"
    ).fetchone()
    return int(done or 0), int(settled)


def reopened_items(db: sqlite3.Connection) -> int:
    """Items that a person has reopened, and that no session has taken since."""
    query = "SELECT coalesce(sum(json_array_length(items)), 0) FROM groups WHERE why = 'reopened' AND state = 'ready'"
    return int(db.execute(query).fetchone()[0])


def has_parked_groups(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM groups WHERE parked = 1 AND state != 'closed' LIMIT 1").fetchone() is not None


def has_open_items(db: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM items WHERE state IN ('pending', 'running') LIMIT 1"
    return db.execute(query).fetchone() is not None


def open_roots(db: sqlite3.Connection) -> int:
    """First-phase items that something is still to be done for, as far as they are known."""
    query = "SELECT count(DISTINCT root) FROM items WHERE state IN ('pending', 'running')"
    return int(db.execute(query).fetchone()[0])


def roots_on_the_way(db: sqlite3.Connection) -> set[str]:
    """First-phase items that something is left to be done for, also where their batch must be settled first."""
    rows = db.execute(
        """SELECT root FROM items WHERE state IN ('pending', 'running')
           UNION SELECT done.root FROM items done
             JOIN phases later ON later.from_phase = done.phase
             JOIN items other ON other.phase = done.phase AND other.number = done.number
               AND other.state IN ('pending', 'running')
             WHERE done.state = 'done'"""
    )
    return {root for (root,) in rows}


def has_failed_items(db: sqlite3.Connection, roots: Container[str] | None = None) -> bool:
    """Anything that failed or cannot begin any more, of these first-phase items; None = of all."""
    failed = db.execute("SELECT root FROM items WHERE state IN ('failed', 'blocked')")
    return any(roots is None or root in roots for (root,) in failed)
