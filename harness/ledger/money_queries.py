"""What is asked about money: spent, reserved, charged."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """In micro-dollars. `reserved` is the sum over attempts that have not ended."""

    spent: int
    reserved: int


def money(db: sqlite3.Connection) -> Money:
    (spent,) = db.execute("SELECT spent_microusd FROM job").fetchone()
    (reserved,) = db.execute(
        "SELECT coalesce(sum(reserved_microusd), 0) FROM attempts WHERE ended_seq IS NULL"
    ).fetchone()
    return Money(spent, reserved)
