"""The ledger: one SQLite file; a transaction appends entries to a hash chain, changes state tables, keeps contents."""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.base.clock import Clock, to_text
from harness.base.errors import LedgerDamagedError
from harness.base.files import sync_folder
from harness.base.host_errors import in_words
from harness.core.codec import UnreadableEntryError, decode, encode
from harness.core.events import Event
from harness.ledger import clean_shutdown
from harness.ledger.apply import apply
from harness.ledger.contents import Contents, content_of, contents_of
from harness.ledger.tables import CONTENTS, ENTRIES, SHAPE, STATE, STATE_TABLES, VERSION
from harness.ledger.verification import (
    Link,
    damaged,
    examine,
    harden,
    read_only,
    refuse_other_versions,
    refuse_unplain,
    refused,
    verify,
)


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
        self._end = Link(*row) if row else Link()

    @property
    def last_seq(self) -> int:
        """Of the newest entry, one of this transaction or one before it."""
        return self._end.seq

    def record(self, events: Iterable[Event]) -> None:
        for event in events:
            kind, body = type(event).__name__, encode(event)
            if "\ufffd" in body:  # perhaps for what no text in UTF-8 can hold: the tables get what the entry says
                event = decode(kind, body)
            self._end = end = self._end.next(self._time.encode(), kind.encode(), body.encode())
            self.db.execute("INSERT INTO entries VALUES(?, ?, ?, ?, ?)", (end.seq, self._time, kind, body, end.hash))
            apply(self.db, end.seq, self._time, event)


class Ledger:
    """The writer's side. Exactly one process writes, holding the job's lock (ledger.lock), on one connection.

    For one thread at a time: a run is planned in another thread than it is played in.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        clock: Clock,
        path: Path,
        *,
        contents: Contents | None = None,
        walked_to: Link | None = None,
    ) -> None:
        """`walked_to`: the chain was walked up to there; the rest is walked before the file is marked as closed."""
        self.db = db
        self.path = path
        self.contents = contents or Contents(lambda sha: content_of(db, sha))
        """What waits here is written by every transaction; without ones of its own they are read on `db`."""
        self.transactions = 0
        """How many there were in this process: what a query said holds as long as there is no further one."""
        self._clock = clock
        self._walked_to = walked_to
        self._is_joining = False
        self._last_seq = 0
        self._subscribers: list[Callable[[int], None]] = []

    @staticmethod
    def open(path: Path, clock: Clock, *, durable: bool = True) -> "Ledger":
        """Open for writing, creating the file when it is missing; verifies version and chain.

        `durable=False` gives up fsync, for simulations. LedgerDamagedError when the file cannot be trusted,
        BrokenSetupError when the disk cannot.
        """
        refuse_unplain(path)
        try:
            if not path.exists():
                _create_file(path)
            examined = examine(path)
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            harden(db)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
            db.execute("PRAGMA journal_size_limit=67108864")
            if examined.state_is_doubtful or _shape(db) != SHAPE:
                _remake_state(db)
            clean_shutdown.remove(path)
            _bring_up_to_version(db)
        except sqlite3.DatabaseError as error:
            raise refused(path, error) from error
        except UnreadableEntryError as error:
            raise damaged(path, str(error)) from error
        return Ledger(db, clock, path, contents=contents_of(path), walked_to=examined.end if durable else None)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit what is recorded inside; durable when the block ends. Any exception inside undoes all of it."""
        if not (self._is_joining and self.db.in_transaction):  # one within another, where none are joined, is an error
            self.db.execute("BEGIN IMMEDIATE")
        with self._undone_by_errors():
            transaction = Transaction(self.db, self._clock)
            yield transaction
            self._last_seq = transaction.last_seq
            self.transactions += 1
            if not self._is_joining:
                self._commit()

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Transactions inside are one: durable when this block ends, and undone together. Nobody outside this process
        may see a consequence of them before."""
        self._is_joining = True
        try:
            with self._undone_by_errors():
                yield
                if self.db.in_transaction:
                    self._commit()
        finally:
            self._is_joining = False

    def after_commit(self, wake: Callable[[int], None]) -> None:
        """Call `wake` with the number of the newest entry after each commit, from now on.

        It is called in the thread that commits, which waits for it: it wakes a reader that works elsewhere, and does
        nothing more. What it raises is dropped, and it stays subscribed: the commit stands, and neither the run nor
        another subscriber suffers (docs/decisions/0028).
        """
        self._subscribers.append(wake)

    def _commit(self) -> None:
        written = self.contents.write(self.db)
        self.db.execute("COMMIT")
        self.contents.forget(written)
        for wake in self._subscribers:
            with suppress(Exception):
                wake(self._last_seq)

    @contextmanager
    def _undone_by_errors(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.transactions += 1  # what was asked since is not so; a full disk makes SQLite undo it by itself
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def record(self, *events: Event) -> None:
        """One transaction of these events."""
        with self.transaction() as transaction:
            transaction.record(events)

    def is_planned(self) -> bool:
        return self.db.execute("SELECT 1 FROM job").fetchone() is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(in_order=error is None)

    def close(self, *, in_order: bool = True) -> None:
        """Bring everything into the one file, and mark it as closed if it is in order; a disk that does not
        take this costs nothing."""
        self.contents.close()
        with suppress(sqlite3.DatabaseError, OSError):
            if self._walked_to is not None:
                in_order = in_order and self._is_as_written(self._walked_to)
                self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.db.close()
            if self._walked_to is not None and in_order:
                clean_shutdown.mark(self.path)

    def _is_as_written(self, start: Link) -> bool:
        try:
            verify(self.db, self.path, start)
        except LedgerDamagedError:  # who opens it next says so
            return False
        return True


@contextmanager
def opened_for_reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection for a short read: it never writes, checkpoints or creates.

    FileNotFoundError when there is no ledger, LedgerDamagedError when it cannot be read, at once or on the way.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with read_only(path) as db:
            refuse_other_versions(db, path)
            if _shape(db) == SHAPE:
                yield db
            else:
                with closing(rebuild(db)) as fresh:
                    yield fresh
    except sqlite3.DatabaseError as error:
        raise refused(path, error) from error
    except UnreadableEntryError as error:
        raise damaged(path, str(error)) from error


def entries(db: sqlite3.Connection, after: int = 0) -> Iterator[Entry]:
    """The entries with a greater `seq`, in order."""
    for seq, time, kind, body in db.execute(
        "SELECT seq, time, kind, body FROM entries WHERE seq > ? ORDER BY seq", (after,)
    ):
        yield Entry(seq, time, decode(kind, body))


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
    drops = "".join(f"DROP TABLE {_quoted(name)};" for name in names)
    db.executescript(f"BEGIN; {drops} {STATE}")
    for seq, time, kind, body in db.execute("SELECT seq, time, kind, body FROM entries ORDER BY seq").fetchall():
        apply(db, seq, time, decode(kind, body))
    db.execute(f"PRAGMA application_id={SHAPE}")
    db.execute("COMMIT")


def _quoted(name: str) -> str:
    """As an identifier, whatever is in it."""
    return '"{}"'.format(name.replace('"', '""'))


def _bring_up_to_version(db: sqlite3.Connection) -> None:
    """A ledger of version 1 gets a table for contents; those that it has are files."""
    if db.execute("PRAGMA user_version").fetchone() != (VERSION,):
        db.executescript(f"BEGIN; {CONTENTS} PRAGMA user_version={VERSION}; COMMIT;")
