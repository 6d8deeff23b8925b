"""Before a ledger is written to: whether its file, its chain of entries and its contents can be trusted. Reads only."""

import hashlib
import itertools
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.base.commands import command_at
from harness.base.errors import HarnessError, LedgerDamagedError
from harness.base.host_errors import in_words, is_of_the_machine
from harness.base.job_home import JobHome
from harness.base.state import is_plain
from harness.ledger import clean_shutdown
from harness.ledger.shapes import stranger_in
from harness.ledger.tables import VERSION

_STEPS_AT_ONCE = 1_000_000
_MOST_LOOKS = 20_000
"""Of a reader, in steps of SQLite's machine: two minutes of nothing but work. A million entries take a thousandth."""


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain of entries, up to which it is known to be what was written."""

    seq: int = 0
    hash: bytes = b"harness ledger 1"

    def next(self, time: bytes, kind: bytes, body: bytes) -> "Link":
        seq = self.seq + 1
        return Link(seq, hashlib.sha256(b"%b\0%d\0%b\0%b\0%b" % (self.hash, seq, time, kind, body)).digest())


@dataclass(frozen=True, slots=True)
class Examined:
    """`state_is_doubtful`: bytes were changed since it was closed, and they may be those of state tables."""

    end: Link
    state_is_doubtful: bool


def examine(path: Path) -> Examined:
    """LedgerDamagedError when a ledger cannot be trusted; it is as it was then, its write-ahead log too.

    What was closed in order and is the same bytes was walked then: its chain is not walked again.
    """
    refuse_unplain(path)
    if path.stat().st_size == 0:
        raise damaged(path, "the file is empty")
    mark = clean_shutdown.look(path)
    with read_only(path) as db:
        refuse_other_versions(db, path)
        if mark == "whole":
            row = db.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
            return Examined(Link(*row) if row else Link(), state_is_doubtful=False)
        end = verify(db, path)
        if mark == "broken":
            _refuse_broken_trees(db, path)
            _refuse_broken_contents(db, path)
        return Examined(end, state_is_doubtful=mark == "broken")


def refuse_unplain(path: Path) -> None:
    """LedgerDamagedError for a ledger, or a log of it, that is a link, a pipe or has a second name: SQLite would follow
    it, or wait. One that is missing is none."""
    for end in ("", "-wal", "-shm", "-journal"):
        beside = path.with_name(f"{path.name}{end}")
        try:
            found = beside.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not is_plain(found):
            raise damaged(
                path,
                f"{beside.name} is not a regular file (it is a link or a pipe, or has a second name)",
            )


def read_only_uri(path: Path) -> str:
    """For SQLite. A ledger that was closed has no log, and SQLite makes one to read it; where it may not, as in a
    backup that is mounted read-only, it must be told that nothing changes there."""
    may_make_one = path.with_name(f"{path.name}-wal").exists() or os.access(path.parent, os.W_OK)
    return f"{path.resolve().as_uri()}?mode=ro{'' if may_make_one else '&immutable=1'}"


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that never writes, checkpoints or creates; for a short time, and a bounded amount of work."""
    refuse_unplain(path)
    with closing(sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None)) as db:
        harden(db)
        db.execute("PRAGMA busy_timeout=5000")
        looks = itertools.count(1)
        db.set_progress_handler(lambda: next(looks) > _MOST_LOOKS, _STEPS_AT_ONCE)
        yield db


def harden(db: sqlite3.Connection) -> None:
    """For a file that may have come from anybody: nothing is attached, no function runs because its schema says so."""
    db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA cell_size_check=ON")
    db.execute("PRAGMA mmap_size=0")


def verify(db: sqlite3.Connection, path: Path, start: Link = Link()) -> Link:
    """Walk the chain from `start` to its end, which is returned; 2.5 s for a million entries.

    LedgerDamagedError names the first entry that is not what was written.
    """
    end = start
    rows = (
        "SELECT seq, CAST(time AS BLOB), CAST(kind AS BLOB), CAST(body AS BLOB), hash FROM entries"
        " WHERE seq > ? ORDER BY seq"
    )
    for seq, time, kind, body, stored in db.execute(rows, (start.seq,)):
        if seq != end.seq + 1:
            raise damaged(path, f"entry {end.seq + 1} is missing")
        end = end.next(time, kind, body)
        if end.hash != stored:
            told = f"{kind.decode(errors='replace')}, {time.decode(errors='replace')}"
            raise damaged(path, f"entry {seq} ({told}) is not what was written")
    return end


def refuse_other_versions(db: sqlite3.Connection, path: Path) -> None:
    """LedgerDamagedError for a newer version, and for a schema that is not exactly one of ours."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise LedgerDamagedError(
            f"{path} was made by a newer harness (ledger version {version}, this one knows {VERSION})",
            hint="use the version that made it",
        )
    if version < 1:
        raise damaged(path, f"it has the unknown version {version}")
    try:
        stranger = stranger_in(db)
    except UnicodeDecodeError:
        stranger = "its schema is not text"
    if stranger:
        raise damaged(path, stranger)
    if version > 1 and not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'contents'").fetchone():
        raise damaged(path, "its contents are gone")


def _refuse_broken_trees(db: sqlite3.Connection, path: Path) -> None:
    """Where the entries and the trees are whole, the state tables can be made anew."""
    found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise damaged(path, "; ".join(found))


def _refuse_broken_contents(db: sqlite3.Connection, path: Path) -> None:
    """Nothing else holds them; a tree is whole whatever the bytes in it are. A ledger that was copied away alone is not
    asked for its files."""
    kept = set()
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'contents'").fetchone():
        for sha, content in db.execute("SELECT sha, content FROM contents"):
            if hashlib.sha256(content).hexdigest() != sha:
                raise damaged(path, f"the content {sha[:12]} is not what was written")
            kept.add(sha)
    files = JobHome(path.parent).artifacts
    for (sha,) in db.execute("SELECT DISTINCT json_extract(body, '$.sha') FROM entries WHERE kind = 'ItemAccepted'"):
        if sha not in kept and files.is_dir() and not (files / sha[:2] / sha).exists():
            raise damaged(path, f"the content {sha[:12]}, which holds accepted records, is missing")


def refused(path: Path, error: sqlite3.DatabaseError) -> HarnessError:
    """An error of SQLite in words: of the disk under the ledger, or of what is in it."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
        return damaged(path, "reading it takes more work than any ledger does")
    return in_words(error, path) if is_of_the_machine(error) else damaged(path, str(error))


def damaged(path: Path, what: str) -> LedgerDamagedError:
    return LedgerDamagedError(
        f"{path} is damaged: {what}",
        hint=f"nothing was changed; restore a backup (without {path.name}-wal and {path.name}-shm, if it has none), "
        f"or start over with `{command_at(path.parent, 'launch', '--reset')}`, which moves it all to a backup folder",
    )
