"""What is asked about phases."""

import sqlite3
from dataclasses import dataclass


def fruitless_phase(db: sqlite3.Connection) -> str | None:
    """The phase that has accepted nothing after ten strike-worthy attempts of this run."""
    row = db.execute("SELECT name FROM phases WHERE has_accepted = 0 AND fruitless >= 10 LIMIT 1").fetchone()
    return str(row[0]) if row else None


def has_several_phases(db: sqlite3.Connection) -> bool:
    return int(db.execute("SELECT count(*) FROM phases").fetchone()[0]) > 1


@dataclass(frozen=True, slots=True)
class PhaseName:
    """What a phase and its items are called."""

    number: int
    name: str
    noun: str


def phases(db: sqlite3.Connection) -> list[PhaseName]:
    """In order."""
    return [PhaseName(*row) for row in db.execute("SELECT phase, name, noun FROM phases ORDER BY phase")]


def phase_names(db: sqlite3.Connection) -> dict[int, str]:
    """Number -> name, in order."""
    return {phase.number: phase.name for phase in phases(db)}


def has_selecting_phase(db: sqlite3.Connection) -> bool:
    """Was a phase planned that selects among the items it makes?"""
    return db.execute("SELECT 1 FROM phases WHERE selects").fetchone() is not None
