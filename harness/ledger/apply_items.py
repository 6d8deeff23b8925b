"""Events about items to state tables; the part of `ledger.apply` that knows what an item goes through."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from harness.base.reason import Reason
from harness.core import events as e
from harness.core.item_ids import folded
from harness.core.rejections import ItemError
from harness.ledger.inserts import insert

Appliers = dict[type[Any], Callable[[sqlite3.Connection, int, str, Any], None]]
"""Event type -> what changes the tables: connection, the entry's seq and time, the event."""

_INSERT_ITEM = """INSERT INTO items(phase, item, parent, root, place, number, part, state, strikes, round, attempts,
    data, sha, file, reasons, settled_at, planned) VALUES(?, ?, ?, ?, ?, ?, NULL, ?, 0, 1, 0, ?, ?, ?, ?, ?, ?)
    ON CONFLICT(phase, item) DO UPDATE SET state = excluded.state, data = excluded.data, reasons = excluded.reasons,
    place = excluded.place, parent = excluded.parent, settled_at = excluded.settled_at, planned = excluded.planned
    WHERE items.state = 'blocked'"""


def changed(cursor: sqlite3.Cursor, rows: int, what: object) -> None:
    if cursor.rowcount != rows:
        raise AssertionError(f"expected to change {rows} rows, changed {cursor.rowcount}: {what!r}")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Made once: json.dumps would make one for every value, which takes longer than the value."""


def to_json(value: object) -> str:
    return _ENCODER.encode(value)


def _item_added(db: sqlite3.Connection, seq: int, time: str, event: e.ItemAdded) -> None:
    values = (event.phase, event.item, event.parent, event.root, event.place, event.number)
    values += ("pending", to_json(event.data), event.sha, event.file, "[]", None, event.planned)  # type: ignore[assignment]
    changed(db.execute(_INSERT_ITEM, values), 1, event)
    if event.parent is not None and (same := folded(event.item)) != event.item:  # others are found among the items
        db.execute(
            "INSERT OR IGNORE INTO folded_ids SELECT phase, ?, ? FROM phases WHERE phase = ? AND makes_items",
            (same, event.item, event.phase),
        )


def _pace_given(db: sqlite3.Connection, seq: int, time: str, event: e.PaceGiven) -> None:
    insert(
        db,
        "INSERT OR REPLACE INTO paces",
        phase=event.phase,
        item=event.item,
        starts_per_minute=event.starts_per_minute,
        at_once=event.at_once,
    )


def _item_blocked(db: sqlite3.Connection, seq: int, time: str, event: e.ItemBlocked) -> None:
    values = (event.phase, event.item, event.parent, event.root, event.place, event.number)
    values += ("blocked", "{}", "", None, _reasons(event.rejections, (event.reason,)), time, 0)  # type: ignore[assignment]
    db.execute(_INSERT_ITEM, values)


def _item_accepted(db: sqlite3.Connection, seq: int, time: str, event: e.ItemAccepted) -> None:
    insert(
        db,
        "INSERT INTO accepted",
        phase=event.phase,
        item=event.item,
        attempt=event.attempt,
        seq=seq,
        sha=event.sha,
        offset=event.offset,
        length_bytes=event.length_bytes,
        records=event.records,
    )
    if event.rejudged:
        _leave_queue(db, event.phase, event.item)
    was = ("failed", "pending") if event.rejudged else ("running",)
    _settle_item(db, time, event.phase, event.item, "done", *was)
    db.execute("UPDATE phases SET has_accepted = 1 WHERE phase = ?", (event.phase,))


def _settle_item(db: sqlite3.Connection, time: str | None, phase: int, item: str, state: str, *was: str) -> None:
    marks = ", ".join("?" * len(was))
    settled = db.execute(
        f"UPDATE items SET state = ?, settled_at = ? WHERE phase = ? AND item = ? AND state IN ({marks})",  # noqa: S608 marks
        (state, time, phase, item, *was),
    )
    changed(settled, 1, (phase, item, state))


def _leave_queue(db: sqlite3.Connection, phase: int, item: str) -> None:
    """The item leaves the group it is queued in, if any; a group without items is closed."""
    rows = db.execute(
        """SELECT g.id, g.items FROM groups g, json_each(g.items) e
           WHERE g.phase = ? AND g.number = (SELECT number FROM items WHERE phase = ? AND item = ?)
           AND g.state IN ('waiting', 'ready') AND e.value = ?""",
        (phase, phase, item, item),
    ).fetchall()
    for group, items in rows:
        rest = [one for one in json.loads(items) if one != item]
        db.execute("UPDATE groups SET items = ? WHERE id = ?", (to_json(rest), group))
        if not rest:
            db.execute("UPDATE groups SET state = 'closed' WHERE id = ?", (group,))
            db.execute("DELETE FROM needs WHERE group_id = ?", (group,))


def _item_struck(db: sqlite3.Connection, seq: int, time: str, event: e.ItemStruck) -> None:
    db.execute(
        "UPDATE items SET strikes = strikes + 1, reasons = ?, errors = ? WHERE phase = ? AND item = ?",
        (_reasons(event.rejections, event.reasons), _errors(event.errors), event.phase, event.item),
    )


def _item_returned(db: sqlite3.Connection, seq: int, time: str, event: e.ItemReturned) -> None:
    db.execute(
        "UPDATE items SET reasons = ?, errors = ? WHERE phase = ? AND item = ?",
        (_reasons(event.rejections, event.reasons), _errors(event.errors), event.phase, event.item),
    )


def _reasons(rejections: tuple[Reason, ...], texts: tuple[str, ...]) -> str:
    """As `ledger.item_reasons` reads them: objects; texts where that is all that an older version recorded."""
    return to_json([asdict(reason) for reason in rejections] if rejections else list(texts))


def _errors(errors: tuple[ItemError, ...]) -> str:
    return to_json([asdict(error) for error in errors])


def _item_failed(db: sqlite3.Connection, seq: int, time: str, event: e.ItemFailed) -> None:
    _settle_item(db, time, event.phase, event.item, "failed", "running")
    db.execute(
        "UPDATE items SET reasons = ?, errors = ? WHERE phase = ? AND item = ? AND reasons = '[]'",
        (_reasons(event.rejections, (event.reason,)), _errors(event.errors), event.phase, event.item),
    )


def _item_reopened(db: sqlite3.Connection, seq: int, time: str, event: e.ItemReopened) -> None:
    reopened = db.execute(
        """UPDATE items SET round = round + (state = 'failed' OR strikes > 0), strikes = 0, state = 'pending',
           settled_at = NULL WHERE phase = ? AND item = ? AND state IN ('failed', 'pending')""",
        (event.phase, event.item),
    )
    changed(reopened, 1, event)
    if event.rejections is not None:
        db.execute(
            "UPDATE items SET reasons = ?, errors = '[]' WHERE phase = ? AND item = ?",
            (_reasons(event.rejections, ()), event.phase, event.item),
        )
    if event.row is not None:
        db.execute(
            "UPDATE items SET data = ?, sha = ?, file = ? WHERE phase = ? AND item = ?",
            (to_json(event.row.data), event.row.sha, event.row.file, event.phase, event.item),
        )


def _item_edited(db: sqlite3.Connection, seq: int, time: str, event: e.ItemEdited) -> None:
    edited = db.execute(
        """UPDATE items SET data = ?, sha = ?, file = ?, round = round + (strikes > 0), strikes = 0, reasons = '[]',
           errors = '[]'
           WHERE phase = ? AND item = ? AND state = 'pending'""",
        (to_json(event.data), event.sha, event.file, event.phase, event.item),
    )
    changed(edited, 1, event)


def _item_withdrawn(db: sqlite3.Connection, seq: int, time: str, event: e.ItemWithdrawn) -> None:
    gone = db.execute(
        "DELETE FROM accepted WHERE phase = ? AND item = ? AND attempt = ? AND sha = ? AND offset = ?",
        (event.phase, event.item, event.attempt, event.sha, event.offset),
    )
    changed(gone, 1, event)
    db.execute(
        "DELETE FROM paces WHERE item = ? AND phase IN (SELECT phase FROM phases WHERE from_phase = ?)",
        (event.item, event.phase),
    )
    _settle_item(db, None, event.phase, event.item, "pending", "done")
    db.execute(
        "UPDATE items SET strikes = 0, round = round + 1, reasons = ?, errors = '[]' WHERE phase = ? AND item = ?",
        (_reasons(event.rejections, event.reasons), event.phase, event.item),
    )


def _item_removed(db: sqlite3.Connection, seq: int, time: str, event: e.ItemRemoved) -> None:
    _leave_queue(db, event.phase, event.item)
    gone = db.execute(
        """DELETE FROM items WHERE phase = ? AND item = ? AND state != 'running'
           AND NOT EXISTS (SELECT 1 FROM accepted a WHERE a.phase = items.phase AND a.item = items.item)""",
        (event.phase, event.item),
    )
    changed(gone, 1, event)
    db.execute(
        "DELETE FROM folded_ids WHERE phase = ? AND folded = ? AND item = ?",
        (event.phase, folded(event.item), event.item),
    )


def _item_skipped(db: sqlite3.Connection, seq: int, time: str, event: e.ItemSkipped) -> None:
    skipped = db.execute(
        """UPDATE items SET state = 'skipped', settled_at = ?, left_out = ?
           WHERE phase = ? AND item = ? AND state = 'pending' AND part IS NULL""",
        (time, to_json({"why": event.why, **event.facts}), event.phase, event.item),
    )
    changed(skipped, 1, event)


OF_ITEMS: Appliers = {
    e.ItemAdded: _item_added,
    e.PaceGiven: _pace_given,
    e.ItemBlocked: _item_blocked,
    e.ItemAccepted: _item_accepted,
    e.ItemStruck: _item_struck,
    e.ItemReturned: _item_returned,
    e.ItemFailed: _item_failed,
    e.ItemReopened: _item_reopened,
    e.ItemEdited: _item_edited,
    e.ItemWithdrawn: _item_withdrawn,
    e.ItemRemoved: _item_removed,
    e.ItemSkipped: _item_skipped,
}
