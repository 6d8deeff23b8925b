"""Small contents are durable with the transaction that names them, and no sooner."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.base.artifacts import ArtifactStore, sha_of
from harness.base.clock import SystemClock
from harness.base.errors import LedgerDamagedError
from harness.core.run_events import Paused
from harness.ledger.contents import MOST_BYTES, MOST_WAITING_BYTES, Contents, contents_of
from harness.ledger.store import Ledger
from tests.ledger.test_store import a_ledger

SMALL = b'{"id": "a"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    a_ledger(tmp_path / "ledger.db").close()
    return tmp_path / "ledger.db"


def the_store(ledger: Ledger) -> ArtifactStore:
    return ArtifactStore(ledger.path.parent / "artifacts", ledger.contents)


def files_of(store: ArtifactStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("content", [SMALL, b"", b"\0" * MOST_BYTES])
def test_a_small_content_is_there_at_once_and_in_the_ledger_after_its_next_transaction(
    path: Path, content: bytes
) -> None:
    with closing(Ledger.open(path, SystemClock())) as ledger:
        store = the_store(ledger)
        sha = store.put(content)
        assert store.get(sha) == content
        ledger.record(Paused("a test"))
        assert store.get(sha) == content
        assert files_of(store) == []
    with closing(contents_of(path)) as contents:
        assert contents.get(sha) == content


def test_what_no_transaction_followed_is_lost_with_the_process(path: Path) -> None:
    with closing(Ledger.open(path, SystemClock())) as ledger:
        sha = the_store(ledger).put(SMALL)
    with closing(Ledger.open(path, SystemClock())) as ledger, pytest.raises(LedgerDamagedError, match="is missing"):
        the_store(ledger).get(sha)


def test_what_a_transaction_could_not_keep_waits_for_the_next_one(path: Path) -> None:
    with closing(Ledger.open(path, SystemClock())) as ledger:
        sha = the_store(ledger).put(SMALL)
        with pytest.raises(ZeroDivisionError), ledger.transaction():
            raise ZeroDivisionError
        ledger.record(Paused("a test"))
        assert the_store(ledger).get(sha) == SMALL
        assert ledger.db.execute("SELECT content FROM contents").fetchall() == [(SMALL,)]


def test_a_large_content_is_a_file_at_once(path: Path) -> None:
    with closing(Ledger.open(path, SystemClock())) as ledger:
        store = the_store(ledger)
        sha = store.put(b"x" * (MOST_BYTES + 1))
        assert files_of(store) == [store.path(sha)]


def test_no_more_waits_than_memory_is_meant_for(path: Path) -> None:
    contents = [number.to_bytes(4, "big") * (MOST_BYTES // 4) for number in range(MOST_WAITING_BYTES // MOST_BYTES)]
    with closing(Ledger.open(path, SystemClock())) as ledger:
        store = the_store(ledger)
        for content in contents:
            store.put(content)
        assert files_of(store) == []
        one_more = store.put(SMALL)
        assert files_of(store) == [store.path(one_more)]
        ledger.record(Paused("a test"))
        store.put(b"there is room again")
        assert files_of(store) == [store.path(one_more)]
        assert [store.get(sha_of(content)) for content in contents] == contents


def test_the_same_content_twice_is_kept_once(path: Path) -> None:
    with closing(Ledger.open(path, SystemClock())) as ledger:
        for _ in range(2):
            the_store(ledger).put(SMALL)
            the_store(ledger).put(SMALL)
            ledger.record(Paused("a test"))
        assert ledger.db.execute("SELECT count(*) FROM contents").fetchone() == (1,)


def test_a_content_that_was_changed_is_refused(path: Path) -> None:
    with closing(Ledger.open(path, SystemClock())) as ledger:
        sha = the_store(ledger).put(SMALL)
        ledger.record(Paused("a test"))
        ledger.db.execute("UPDATE contents SET content = ?", (b'{"id": "b"}\n',))
        with pytest.raises(LedgerDamagedError, match="has been changed"):
            the_store(ledger).get(sha)


def test_a_ledger_without_contents_is_brought_up_and_its_files_are_found(path: Path) -> None:
    sha = ArtifactStore(path.parent / "artifacts").put(SMALL)
    with closing(sqlite3.connect(path)) as db:
        db.executescript("DROP TABLE contents; PRAGMA user_version = 1;")
    with closing(contents_of(path)) as contents:
        assert ArtifactStore(path.parent / "artifacts", contents).get(sha) == SMALL
    path.with_suffix(".seal").unlink()
    with closing(Ledger.open(path, SystemClock())) as ledger:
        assert ledger.db.execute("PRAGMA user_version").fetchone() == (2,)
        assert the_store(ledger).get(sha) == SMALL
        the_store(ledger).put(b"something new")
        ledger.record(Paused("a test"))


def test_forgotten_contents_are_not_written(path: Path) -> None:
    """Where there is no room for what an attempt left, its end must still fit."""
    with closing(Ledger.open(path, SystemClock())) as ledger:
        the_store(ledger).put(SMALL)
        ledger.contents.forget()
        ledger.record(Paused("a test"))
        assert ledger.db.execute("SELECT count(*) FROM contents").fetchone() == (0,)


def test_what_was_put_meanwhile_is_not_forgotten() -> None:
    contents = Contents(lambda sha: None)
    contents.put(sha_of(b"a"), b"a")
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE contents(sha PRIMARY KEY, content)")
        written = contents.write(db)
    contents.put(sha_of(b"b"), b"b")
    contents.forget(written)
    assert (contents.get(sha_of(b"a")), contents.get(sha_of(b"b"))) == (None, b"b")


def test_a_damaged_content_heals_when_the_same_comes_again(path: Path) -> None:
    with closing(Ledger.open(path, SystemClock())) as ledger:
        sha = the_store(ledger).put(SMALL)
        ledger.record(Paused("a test"))
        ledger.db.execute("UPDATE contents SET content = x'00'")
        the_store(ledger).put(SMALL)
        ledger.record(Paused("a test"))
        assert the_store(ledger).get(sha) == SMALL


def _kept(path: Path) -> None:
    with Ledger.open(path, SystemClock()) as ledger:
        the_store(ledger).put(SMALL)
        ledger.record(Paused("a test"))


def _spoil(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(sql)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE contents SET content = x'00'", "content .* is not what was written"),
        ("DROP TABLE contents", "its contents are gone"),
    ],
)
def test_T04_contents_that_were_changed_since_the_ledger_was_closed_are_refused(
    path: Path, sql: str, said: str
) -> None:
    _kept(path)
    _spoil(path, sql)
    before = path.read_bytes()
    with pytest.raises(LedgerDamagedError, match=said):
        Ledger.open(path, SystemClock())
    assert path.read_bytes() == before


def test_T04_a_log_of_another_time_beside_a_marked_ledger_is_not_believed(path: Path) -> None:
    """Who brings back a backup after a kill leaves the killed run's log beside it."""
    marked = path.read_bytes(), path.with_suffix(".seal").read_bytes()
    ledger = Ledger.open(path, SystemClock())
    for _ in range(300):
        ledger.record(Paused("a test"))
    ledger.db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    for _ in range(3):
        ledger.record(Paused("after the checkpoint, from the beginning of the log"))
    log = path.with_name("ledger.db-wal").read_bytes()
    ledger.close()
    path.write_bytes(marked[0])
    path.with_suffix(".seal").write_bytes(marked[1])
    path.with_name("ledger.db-wal").write_bytes(log)
    with pytest.raises(LedgerDamagedError):
        Ledger.open(path, SystemClock())
    assert path.read_bytes() == marked[0], "the backup is as it was"


def test_T04_what_was_changed_while_a_ledger_was_open_is_never_marked(path: Path) -> None:
    with Ledger.open(path, SystemClock()) as ledger:
        ledger.record(Paused("a test"))
        ledger.db.execute("UPDATE entries SET body = '{}' WHERE seq = (SELECT max(seq) FROM entries)")
    assert not path.with_suffix(".seal").exists()
    with pytest.raises(LedgerDamagedError, match="is not what was written"):
        Ledger.open(path, SystemClock())


def test_a_ledger_that_was_let_go_in_disorder_is_not_marked(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Ledger.open(path, SystemClock()):
        raise ZeroDivisionError
    assert not path.with_suffix(".seal").exists()
    Ledger.open(path, SystemClock()).close()
    assert path.with_suffix(".seal").exists()
