"""What follows in the same transaction when items settle: batches of later phases are planned, blocked items noted."""

import sqlite3

from harness.base.reason import Reason
from harness.core.advance import Waiting, plan_parts
from harness.core.events import BatchSettled, Event, ItemAdded, ItemBlocked
from harness.ledger.store import Transaction


def follow(transaction: Transaction, phase: int, number: int) -> None:
    """Record all that follows from the items of batch `number` that have just settled, through all later phases.

    Does nothing while an item of the batch is open. A batch that comes out empty settles at once and is followed too.
    What a phase that selects makes waits for its selection.
    """
    todo = [(phase, number)]
    while todo:
        phase, number = todo.pop(0)
        if _is_open(transaction.db, phase, number):
            continue
        if not _is_settled(transaction.db, phase, number):
            transaction.record([BatchSettled(phase, number)])
        for later in _phases_after(transaction.db, phase):
            if not _selects(transaction.db, later):
                transaction.record(_entering(transaction.db, phase, later, number))
                todo += _plan(transaction, later, number)


def follow_selection(transaction: Transaction, phase: int) -> None:
    """Plan the batches of what was selected of a phase, and record all that follows for those that come out empty."""
    (before,) = transaction.db.execute("SELECT from_phase FROM phases WHERE phase = ?", (phase,)).fetchone()
    numbers = transaction.db.execute("SELECT number FROM numbers WHERE phase = ? ORDER BY number", (before,)).fetchall()
    for (number,) in numbers:
        for empty in _plan(transaction, phase, number):
            follow(transaction, *empty)


def _plan(transaction: Transaction, phase: int, number: int) -> list[tuple[int, int]]:
    """Plan the batches of a number; the number itself when there is nothing to plan and it has not settled yet."""
    batches = plan_parts(_waiting(transaction.db, phase, number), _next_group(transaction.db))
    transaction.record(batches)
    return [] if batches or _is_settled(transaction.db, phase, number) else [(phase, number)]


def _selects(db: sqlite3.Connection, phase: int) -> bool:
    (selects,) = db.execute("SELECT selects FROM phases WHERE phase = ?", (phase,)).fetchone()
    return bool(selects)


def _is_open(db: sqlite3.Connection, phase: int, number: int) -> bool:
    query = (
        "SELECT 1 FROM items INDEXED BY items_open"
        " WHERE phase = ? AND number = ? AND state IN ('pending', 'running') LIMIT 1"
    )
    return db.execute(query, (phase, number)).fetchone() is not None


def _is_settled(db: sqlite3.Connection, phase: int, number: int) -> bool:
    row = db.execute("SELECT settled FROM numbers WHERE phase = ? AND number = ?", (phase, number)).fetchone()
    return bool(row and row[0])


def _phases_after(db: sqlite3.Connection, phase: int) -> list[int]:
    return [row[0] for row in db.execute("SELECT phase FROM phases WHERE from_phase = ? ORDER BY phase", (phase,))]


def _entering(db: sqlite3.Connection, phase: int, later: int, number: int) -> list[Event]:
    """For a phase that keeps its items: done ones enter, the others are blocked. Derived items have entered already."""
    (makes_items,) = db.execute("SELECT makes_items FROM phases WHERE phase = ?", (later,)).fetchone()
    if makes_items:
        return []
    rows = db.execute(
        """SELECT i.item, i.root, i.place, i.state FROM items i
           LEFT JOIN items j ON j.phase = ? AND j.item = i.item
           WHERE i.phase = ? AND i.number = ? AND i.state != 'skipped'
           AND (j.item IS NULL OR (j.state = 'blocked' AND i.state = 'done'))
           ORDER BY i.place""",
        (later, phase, number),
    ).fetchall()
    (name,) = db.execute("SELECT name FROM phases WHERE phase = ?", (phase,)).fetchone()
    events: list[Event] = []
    for item, root, place, state in rows:
        if state == "done":
            events.append(ItemAdded(later, item, item, root, place, number, {}, ""))
        else:
            events.append(
                ItemBlocked(
                    later,
                    item,
                    item,
                    root,
                    place,
                    number,
                    rejections=(Reason("blocked", {"state": state, "phase": name}),),
                )
            )
    return events


def _waiting(db: sqlite3.Connection, phase: int, number: int) -> Waiting:
    items = db.execute(
        "SELECT item, parent, planned FROM items WHERE phase = ? AND number = ? AND part IS NULL AND state = 'pending'"
        " ORDER BY place",
        (phase, number),
    ).fetchall()
    (last_part,) = db.execute(
        "SELECT max(part) FROM batches WHERE phase = ? AND number = ?", (phase, number)
    ).fetchone()
    (size,) = db.execute("SELECT batch_size FROM phases WHERE phase = ?", (phase,)).fetchone()
    given = tuple((parent, planned) for _, parent, planned in items) if any(row[2] for row in items) else ()
    return Waiting(phase, number, tuple(row[0] for row in items), last_part, size, given)


def _next_group(db: sqlite3.Connection) -> int:
    (group,) = db.execute("SELECT next_group FROM job").fetchone()
    return int(group)
