"""What is asked of the entries themselves: the newest one, those of a kind."""

import sqlite3


def last_seq(db: sqlite3.Connection) -> int:
    """The number of the newest entry."""
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0])
