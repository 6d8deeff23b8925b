"""Why a phase gets nowhere: the commonest of the reasons of its items, or of the faults of its sessions."""

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from typing import Final

from harness.base.reason import Reason
from harness.ledger.item_reasons import reasons_of_row

_LATEST: Final = 20
"""Attempts that are looked at, the newest of the run."""
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Commonest:
    """`count` of the last `of` sessions ended so; `item` is one of those that it befell."""

    reason: Reason
    count: int
    of: int
    item: str
    is_fault: bool
    """The session itself failed: no check has seen anything of it."""


def commonest(db: sqlite3.Connection, phase: str) -> Commonest | None:
    """Of the last attempts of this run at the phase; None when none of them has a reason."""
    rows = db.execute(
        """SELECT a.fault, a.why, a.items, a.phase FROM attempts a JOIN phases p ON p.phase = a.phase
           WHERE p.name = ? AND a.run = (SELECT run FROM job) AND a.ended_seq IS NOT NULL AND a.outcome != 'succeeded'
           ORDER BY a.id DESC LIMIT ?""",
        (phase, _LATEST),
    ).fetchall()
    counted: Counter[str] = Counter()
    example: dict[str, tuple[Reason, str]] = {}
    for fault, why, items, number in rows:
        first = str(json.loads(items)[0])
        told = _fault(fault, why) if fault else _reason_of(db, number, first)
        if told is not None:
            counted[repr(told)] += 1
            example.setdefault(repr(told), (told, first))
    if not counted:
        return None
    commonest_one, count = counted.most_common(1)[0]
    reason, item = example[commonest_one]
    return Commonest(reason.cut(_LONGEST), count, len(rows), item, reason.kind == "session_fault")


def _fault(fault: str, why: str) -> Reason:
    return Reason("session_fault", {"fault": fault, "why": json.loads(why)})


def _reason_of(db: sqlite3.Connection, phase: int, item: str) -> Reason | None:
    row = db.execute("SELECT reasons, errors FROM items WHERE phase = ? AND item = ?", (phase, item)).fetchone()
    return next(iter(reasons_of_row(*row)), None) if row else None
