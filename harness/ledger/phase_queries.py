"""What is asked about phases."""

import sqlite3


def fruitless_phase(db: sqlite3.Connection) -> str | None:
    """The phase that has accepted nothing after ten strike-worthy attempts of this run."""
    row = db.execute("SELECT name FROM phases WHERE has_accepted = 0 AND fruitless >= 10 LIMIT 1").fetchone()
    return str(row[0]) if row else None


def has_several_phases(db: sqlite3.Connection) -> bool:
    return int(db.execute("SELECT count(*) FROM phases").fetchone()[0]) > 1
