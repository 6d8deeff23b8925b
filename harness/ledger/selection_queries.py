"""What waits for a selection: items that a phase made, once everything that can make more of them is settled."""

import json
import sqlite3
from dataclasses import dataclass

from harness.base.ids import ItemId
from harness.core.types import Item

_OPEN = """WITH RECURSIVE before(phase) AS (
       SELECT from_phase FROM phases WHERE phase = :phase
       UNION SELECT p.from_phase FROM phases p JOIN before b ON p.phase = b.phase WHERE p.from_phase > 0)
    SELECT 1 FROM items i JOIN before b ON i.phase = b.phase WHERE i.state IN ('pending', 'running')"""
_NUMBERS = """SELECT 1 FROM numbers n JOIN phases p ON n.phase = p.from_phase WHERE p.phase = :phase AND n.settled = 1
    AND NOT EXISTS (SELECT 1 FROM numbers own WHERE own.phase = p.phase AND own.number = n.number)"""
_WAITING = "SELECT 1 FROM items INDEXED BY items_unbatched WHERE phase = :phase AND part IS NULL AND state = 'pending'"


def due(db: sqlite3.Connection) -> list[int]:
    """Phases whose selection can be made now, the first one first."""
    phases = [row[0] for row in db.execute("SELECT phase FROM phases WHERE selects ORDER BY phase")]
    return [phase for phase in phases if _is_due(db, phase)]


def _is_due(db: sqlite3.Connection, phase: int) -> bool:
    def finds(query: str) -> bool:
        return db.execute(f"{query} LIMIT 1", {"phase": phase}).fetchone() is not None

    return (finds(_WAITING) or finds(_NUMBERS)) and not finds(_OPEN)


def candidates(db: sqlite3.Connection, phase: int) -> tuple[list[Item], list[Item]]:
    """The derived items that wait, and those that were selected before; each in item order."""
    rows = db.execute(
        """SELECT item, data, part IS NULL FROM items WHERE phase = ? AND state != 'skipped' AND (part IS NOT NULL
           OR state = 'pending') ORDER BY place""",
        (phase,),
    ).fetchall()
    waiting = [Item(ItemId(item), json.loads(data)) for item, data, is_waiting in rows if is_waiting]
    return waiting, [Item(ItemId(item), json.loads(data)) for item, data, is_waiting in rows if not is_waiting]


def counts_of_skipped(db: sqlite3.Connection) -> list[tuple[int, str, int]]:
    """Phase, why, and how many items were left out for that."""
    query = """SELECT i.phase, json_extract(i.left_out, '$.why'), count(*) FROM phases p
               CROSS JOIN items i INDEXED BY items_by_state ON i.phase = p.phase
               WHERE i.state = 'skipped' GROUP BY 1, 2 ORDER BY 1, 2"""
    return [(phase, str(why), number) for phase, why, number in db.execute(query)]


@dataclass(frozen=True, slots=True)
class SelectionCounts:
    """How many items of a phase were selected, of how many, and how many of each category."""

    phase: str
    chosen: int
    of: int
    categories: dict[str, int]


def selections(db: sqlite3.Connection) -> list[SelectionCounts]:
    """In order of time."""
    rows = db.execute(
        """SELECT p.name, json_extract(e.body, '$.chosen'), json_extract(e.body, '$.of'),
           json_extract(e.body, '$.categories') FROM entries e
           JOIN phases p ON p.phase = json_extract(e.body, '$.phase') WHERE e.kind = 'SelectionMade' ORDER BY e.seq"""
    )
    return [SelectionCounts(phase, chosen, of, json.loads(categories)) for phase, chosen, of, categories in rows]
