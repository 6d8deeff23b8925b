"""The ledger: one SQLite file; a transaction appends entries to a hash chain, changes state tables, keeps contents."""

import errno
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.base.clock import Clock, to_text
from harness.base.commands import command_at
from harness.base.errors import HarnessError, LedgerDamagedError
from harness.base.files import sync_folder
from harness.base.troubles import in_words, is_of_the_machine
from harness.core.codec import UnreadableEntryError, decode, encode
from harness.core.events import Event
from harness.ledger import seal
from harness.ledger.apply import apply
from harness.ledger.contents import Contents, content_of, contents_of
from harness.ledger.tables import CONTENTS, ENTRIES, SHAPE, STATE, STATE_TABLES, VERSION

_GENESIS = b"harness ledger 1"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger. `time` is ISO 8601 UTC, for display only; order is by `seq`."""

    seq: int
    time: str
    event: Event


class Transaction:
    """Events recorded here become durable together, or not at all. State queries on `db` see them at once."""

    def __init__(self, db: sqlite3.Connection, clock: Clock) -> None:
        self.db = db
        self._time = to_text(clock.now())
        row = db.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        self._seq: int = row[0] if row else 0
        self._hash: bytes = row[1] if row else _GENESIS

    def record(self, events: Iterable[Event]) -> None:
        for event in events:
            kind, body = type(event).__name__, encode(event)
            self._seq += 1
            self._hash = _chained(self._hash, self._seq, self._time.encode(), kind.encode(), body.encode())
            self.db.execute(
                "INSERT INTO entries VALUES(?, ?, ?, ?, ?)", (self._seq, self._time, kind, body, self._hash)
            )
            apply(self.db, self._seq, self._time, event)


def _chained(before: bytes, seq: int, time: bytes, kind: bytes, body: bytes) -> bytes:
    return hashlib.sha256(b"%b\0%d\0%b\0%b\0%b" % (before, seq, time, kind, body)).digest()


class Ledger:
    """The writer's side. Exactly one process writes, holding the job's lock (ledger.lock), on one connection."""

    def __init__(
        self,
        db: sqlite3.Connection,
        clock: Clock,
        path: Path,
        *,
        contents: Contents | None = None,
        is_sealed_at_close: bool = False,
    ) -> None:
        self.db = db
        self.path = path
        self.contents = contents or Contents(lambda sha: content_of(db, sha))
        """What waits here is written by every transaction; without ones of its own they are read on `db`."""
        self.transactions = 0
        """How many this process has committed: what a query said holds as long as there is no further one."""
        self._clock = clock
        self._is_sealed_at_close = is_sealed_at_close
        self.around_commit: Callable[[str], None] = lambda moment: None
        """Called with `before` and `after` each commit; the simulation crashes here."""

    @staticmethod
    def open(path: Path, clock: Clock, *, durable: bool = True) -> "Ledger":
        """Open for writing, creating the file when it is missing; verifies version and chain.

        `durable=False` gives up fsync, for simulations. LedgerDamagedError when the file cannot be trusted,
        BrokenSetupError when the disk cannot.
        """
        try:
            if not path.exists():
                _create_file(path)
            _refuse_empty(path)
            db = sqlite3.connect(path, isolation_level=None)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
            db.execute("PRAGMA journal_size_limit=67108864")
            _check_version(db, path)
            sealed = seal.look(path)
            if sealed != "whole":  # what was closed in order and is the same bytes was verified when it was opened
                verify(db, path)
            if sealed == "broken":
                _refuse_broken_trees(db, path)
                _remake_state(db)
            if _shape(db) != SHAPE:
                _remake_state(db)
            seal.remove(path)
            _bring_up_to_version(db)
        except sqlite3.DatabaseError as error:
            raise refused(path, error) from error
        except UnreadableEntryError as error:
            raise _damaged(path, str(error)) from error
        return Ledger(db, clock, path, contents=contents_of(path), is_sealed_at_close=durable)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit what is recorded inside; durable when the block ends. Any exception inside undoes all of it."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield Transaction(self.db, self._clock)
            written = self.contents.write(self.db)
            self.around_commit("before")
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise
        self.transactions += 1
        self.contents.forget(written)
        self.around_commit("after")

    def record(self, *events: Event) -> None:
        """One transaction of these events."""
        with self.transaction() as transaction:
            transaction.record(events)

    def is_planned(self) -> bool:
        return self.db.execute("SELECT 1 FROM job").fetchone() is not None

    def close(self) -> None:
        """Bring everything into the one file, and seal it; a disk that does not take this costs nothing."""
        self.contents.close()
        with suppress(sqlite3.OperationalError, OSError):
            if self._is_sealed_at_close:
                self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.db.close()
            if self._is_sealed_at_close:
                seal.seal(self.path)


@contextmanager
def opened_for_reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection for a short read: it never writes, checkpoints or creates.

    FileNotFoundError when there is no ledger, LedgerDamagedError when it cannot be read, at once or on the way.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as db:
            db.execute("PRAGMA busy_timeout=5000")
            _check_version(db, path)
            if _shape(db) == SHAPE:
                yield db
            else:
                with closing(rebuild(db)) as fresh:
                    yield fresh
    except sqlite3.DatabaseError as error:
        raise refused(path, error) from error
    except UnreadableEntryError as error:
        raise _damaged(path, str(error)) from error


def entries(db: sqlite3.Connection, after: int = 0) -> Iterator[Entry]:
    """The entries with a greater `seq`, in order."""
    for seq, time, kind, body in db.execute(
        "SELECT seq, time, kind, body FROM entries WHERE seq > ? ORDER BY seq", (after,)
    ):
        yield Entry(seq, time, decode(kind, body))


def verify(db: sqlite3.Connection, path: Path) -> None:
    """Walk the chain, 2.5 s for a million entries. LedgerDamagedError names the first that is not what was written."""
    before, expected = _GENESIS, 1
    rows = "SELECT seq, CAST(time AS BLOB), CAST(kind AS BLOB), CAST(body AS BLOB), hash FROM entries ORDER BY seq"
    for seq, time, kind, body, stored in db.execute(rows):
        if seq != expected:
            raise _damaged(path, f"entry {expected} is missing")
        before = _chained(before, seq, time, kind, body)
        if before != stored:
            raise _damaged(path, f"entry {seq} ({_text(kind)}, {_text(time)}) is not what was written")
        expected += 1


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def rebuild(db: sqlite3.Connection) -> sqlite3.Connection:
    """A new ledger in memory whose state tables are made from the entries of `db` alone."""
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    _create(fresh)
    for seq, time, kind, body, stored in db.execute("SELECT seq, time, kind, body, hash FROM entries ORDER BY seq"):
        fresh.execute("INSERT INTO entries VALUES(?, ?, ?, ?, ?)", (seq, time, kind, body, stored))
        apply(fresh, seq, time, decode(kind, body))
    return fresh


def state_of(db: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every state table, row by row, for comparing a ledger with its rebuild."""
    return {table: sorted(db.execute(f"SELECT * FROM {table}"), key=repr) for table in STATE_TABLES}  # noqa: S608 our own names


def _create_file(path: Path) -> None:
    """A crash while the file is made leaves no half ledger: it is made beside its place and renamed.

    In WAL mode from the start: a ledger with a rollback journal could not be read by readers that may not write.
    """
    beside = path.with_name(f".{path.name}.new")
    for end in ("", "-journal", "-wal", "-shm"):
        beside.with_name(beside.name + end).unlink(missing_ok=True)
    db = sqlite3.connect(beside, isolation_level=None)
    beside.chmod(0o600)
    _create(db)
    # Last, and looked at: SQLite does not raise when it cannot, nor when a log that holds the tables cannot be closed.
    (mode,) = db.execute("PRAGMA journal_mode=WAL").fetchone()
    db.close()
    if mode != "wal":
        raise in_words(OSError(errno.EOPNOTSUPP, "no write-ahead log can be kept"), path)
    with beside.open("rb") as whole:
        os.fsync(whole.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def _create(db: sqlite3.Connection) -> None:
    db.executescript(
        f"BEGIN; {ENTRIES} {CONTENTS} {STATE} PRAGMA user_version={VERSION}; PRAGMA application_id={SHAPE}; COMMIT;"
    )


def _shape(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA application_id").fetchone()[0])


def _remake_state(db: sqlite3.Connection) -> None:
    """State tables of an older version are dropped and made from the entries; one transaction."""
    tables = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " AND name NOT IN ('entries', 'contents')"
    )
    names = [row[0] for row in db.execute(tables)]
    db.executescript(f"BEGIN; {' '.join(f'DROP TABLE {name};' for name in names)} {STATE}")
    for seq, time, kind, body in db.execute("SELECT seq, time, kind, body FROM entries ORDER BY seq").fetchall():
        apply(db, seq, time, decode(kind, body))
    db.execute(f"PRAGMA application_id={SHAPE}")
    db.execute("COMMIT")


def _bring_up_to_version(db: sqlite3.Connection) -> None:
    """A ledger of version 1 gets a table for contents; those that it has are files."""
    if db.execute("PRAGMA user_version").fetchone() != (VERSION,):
        db.executescript(f"BEGIN; {CONTENTS} PRAGMA user_version={VERSION}; COMMIT;")


def _refuse_broken_trees(db: sqlite3.Connection, path: Path) -> None:
    """Bytes were changed since it was closed: where the entries and the trees are whole, the rest can be remade."""
    found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        db.close()
        raise _damaged(path, "; ".join(found))


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise LedgerDamagedError(
            f"{path} was made by a newer harness (ledger version {version}, this one knows {VERSION})",
            hint="use the version that made it",
        )
    if version < 1:
        raise _damaged(path, f"it has the unknown version {version}")


def _refuse_empty(path: Path) -> None:
    if path.stat().st_size == 0:
        raise _damaged(path, "the file is empty")


def refused(path: Path, error: sqlite3.DatabaseError) -> HarnessError:
    """An error of SQLite in words: of the disk under the ledger, or of what is in it."""
    return in_words(error, path) if is_of_the_machine(error) else _damaged(path, str(error))


def _damaged(path: Path, what: str) -> LedgerDamagedError:
    return LedgerDamagedError(
        f"{path} is damaged: {what}",
        hint=f"nothing was changed; restore a backup, or start anew with "
        f"`{command_at(path.parent, 'launch', '--reset')}`, which moves it all to a backup folder",
    )
