"""Who made the items of a phase that makes its own."""

import sqlite3

from harness.core.item_ids import folded


def maker_of(db: sqlite3.Connection, phase: int, item: str, *, exact: bool = False) -> str | None:
    """The item that has made this one, or one whose id is the same, composed and (unless `exact`) without case; None:
    it is free."""
    same = folded(item)
    found = db.execute(
        """SELECT coalesce(parent, item), item FROM items WHERE phase = ? AND item IN (?, ?)
           UNION ALL SELECT coalesce(i.parent, i.item), i.item FROM folded_ids f JOIN items i
           ON i.phase = f.phase AND i.item = f.item WHERE f.phase = ? AND f.folded = ?""",
        (phase, item, same, phase, same),
    )
    alike = folded(item, exact=exact)
    return next((maker for maker, other in found if folded(other, exact=exact) == alike), None)


def makers(db: sqlite3.Connection, phase: int) -> int:
    """How many items have made one of this phase. Looks through all of them."""
    (count,) = db.execute("SELECT count(DISTINCT parent) FROM items WHERE phase = ?", (phase,)).fetchone()
    return int(count)


def places_taken(db: sqlite3.Connection, phase: int, parent: str) -> int:
    """How many places behind its own an item has given to what it made: where the next one goes."""
    (last,) = db.execute("SELECT max(place) FROM items WHERE phase = ? AND parent = ?", (phase, parent)).fetchone()
    return int(last.rpartition(".")[2]) + 1 if last else 0
