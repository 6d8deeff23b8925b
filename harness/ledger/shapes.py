"""Which tables a ledger may hold: exactly those that this program, or an older one, has made. Reads names only.

A ledger may come from anybody, with a job that was unpacked or cloned. A view in place of a table can run for ever, a
trigger can write, and a name can be chosen to be SQL; so nothing of a ledger is asked before its schema was compared.
"""

import hashlib
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import PurePosixPath
from typing import Final

from harness import __version__
from harness.base.errors import LedgerDamagedError
from harness.ledger.tables import CONTENTS, ENTRIES, SHAPE, STATE

KNOWN_STATES: Final = frozenset(
    {
        "ba739b2c8601551d8457bed01fbded78",
        "c0067230bc2d5d1bee02f0120552b65b",
        "455ba59afeacf1b4fbffcb24f86cacc5",
        "ade081a481e12cf1b1ddb3d380b9f62a",
        "e7a78361992471d36b9b7f67fda72875",
        "e1edea14a82d0ddebb23f704f1b3031b",
        "ce600a95cd020b8eb1738ab9a8c695ac",
        "511a6b9f56708a130c4e7ef8dc8b7b5e",
        "396305d346140060eef84ea951513908",
        "d64f4de2813e7fc6da8b15e3f9a3acb6",
        "e57e446c5380ed8732445f2e3acec785",
        "82448d52cc7d549e5015529b3dbac8bd",
        "ed293636ecca0205cdd03dfd7b0aa8e1",
        "0b02d25efa7fbbdf8c318c171d72c5ba",
        "c35d044d354414891ff5b573eb7e348e",
        "180ff0ee02061cc2e3dbc4159659b956",
        "cf0b7c2a8746c93e9db57c98a8483f67",
    }
)
"""`digest` of the state tables of every version so far, today's among them. One is only ever added: when `STATE`
changes, the test of this list says which."""

Row = tuple[str, str, str, str]
"""Type, name, table and SQL, as sqlite_master has them."""


def stranger_in(db: sqlite3.Connection) -> str | None:
    """The first thing in this ledger that no version of this program has put there, in words; None when all is ours."""
    rows: list[Row] = [
        (kind, str(name), str(table), str(sql))
        for kind, name, table, sql in db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
        if not (kind == "index" and sql is None)  # SQLite makes these by itself, for keys
    ]
    for kind, name, _, _ in rows:
        if kind not in ("table", "index"):
            return f"it holds the {kind} {name!r}"
    (shape,) = db.execute("PRAGMA application_id").fetchone()
    return _stranger_among(rows, shape)


def inside(path: str) -> str:
    """A path that a ledger names, relative to a folder; LedgerDamagedError when it leads out of there."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\0" in path:
        raise LedgerDamagedError(
            f"the ledger names a path that leads out of its folder: {path!r}",
            hint="no version of harness has written that; if it is not yours, use it no further",
        )
    return path


def digest(rows: list[Row]) -> str:
    """Of the schema of state tables and their indexes, whatever their order."""
    return hashlib.sha256(repr(sorted(rows)).encode(errors="surrogatepass")).hexdigest()[:32]


@cache
def todays_state() -> str:
    """The digest of the state tables that this version makes."""
    return digest(list(_made(STATE).values()))


def _stranger_among(rows: list[Row], shape: int) -> str | None:
    truth = _made(ENTRIES + CONTENTS)
    found = {row[1]: row for row in rows if row[1] in truth}
    if "entries" not in found:
        return "it has no entries"
    for name, row in found.items():
        if row != truth[name]:
            return f"its table {name!r} is not the one that harness makes"
    state = digest([row for row in rows if row[1] not in truth])
    if state == todays_state() or (shape != SHAPE and state in KNOWN_STATES):
        return None
    odd = next((row[1] for row in rows if row not in ({**_made(STATE), **truth}.get(row[1]),)), "one that is missing")
    return f"its tables are those of no version of harness up to {__version__}, {odd!r} for instance"


@cache
def _made(script: str) -> dict[str, Row]:
    """Name -> row, as SQLite keeps what the script makes."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(script)
        rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {row[1]: row for row in rows}
