"""Why a phase gets nowhere: the commonest of the reasons of its items, or of the faults of its sessions."""

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from typing import Final

_LATEST: Final = 20
"""Attempts that are looked at, the newest of the run."""
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Commonest:
    """`count` of the last `of` sessions ended so; `item` is one of those that it befell."""

    reason: str
    count: int
    of: int
    item: str
    is_fault: bool
    """The session itself failed: no check has seen anything of it."""


def commonest(db: sqlite3.Connection, phase: str) -> Commonest | None:
    """Of the last attempts of this run at the phase; None when none of them has a reason."""
    rows = db.execute(
        """SELECT a.fault, a.detail, a.items, a.phase FROM attempts a JOIN phases p ON p.phase = a.phase
           WHERE p.name = ? AND a.run = (SELECT run FROM job) AND a.ended_seq IS NOT NULL AND a.outcome != 'well'
           ORDER BY a.id DESC LIMIT ?""",
        (phase, _LATEST),
    ).fetchall()
    found: Counter[tuple[str, bool]] = Counter()
    example: dict[tuple[str, bool], str] = {}
    for fault, detail, items, number in rows:
        first = str(json.loads(items)[0])
        reason = f"{fault}: {detail}" if fault else _reason_of(db, number, first)
        if reason:
            found[reason, bool(fault)] += 1
            example[reason, bool(fault)] = first
    if not found:
        return None
    (reason, is_fault), count = found.most_common(1)[0]
    return Commonest(reason[:_LONGEST], count, len(rows), example[reason, is_fault], is_fault)


def _reason_of(db: sqlite3.Connection, phase: int, item: str) -> str:
    row = db.execute("SELECT reasons FROM items WHERE phase = ? AND item = ?", (phase, item)).fetchone()
    reasons = json.loads(row[0]) if row else []
    return str(reasons[0]) if reasons else ""
