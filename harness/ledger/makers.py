"""Who made the items of a phase that makes its own."""

import sqlite3

from harness.core.item_ids import folded


def maker_of(db: sqlite3.Connection, phase: int, item: str) -> str | None:
    """The item that has made this one, or one whose id is the same, composed and without case; None: it is free."""
    same = folded(item)
    found = db.execute(
        """SELECT coalesce(parent, item) FROM items WHERE phase = ? AND item IN (?, ?)
           UNION ALL SELECT coalesce(i.parent, i.item) FROM folded_ids f JOIN items i
           ON i.phase = f.phase AND i.item = f.item WHERE f.phase = ? AND f.folded = ? LIMIT 1""",
        (phase, item, same, phase, same),
    ).fetchone()
    return found[0] if found else None


def makers(db: sqlite3.Connection, phase: int) -> int:
    """How many items have made one of this phase. Looks through all of them."""
    (count,) = db.execute("SELECT count(DISTINCT parent) FROM items WHERE phase = ?", (phase,)).fetchone()
    return int(count)
