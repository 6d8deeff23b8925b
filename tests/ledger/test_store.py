"""The ledger refuses to guess, and its state tables are nothing but its entries."""

import shutil
import sqlite3
from dataclasses import astuple
from pathlib import Path

import pytest

from harness.base.clock import SystemClock
from harness.base.errors import LedgerDamagedError
from harness.core.codec import decode, encode
from harness.core.events import (
    AttemptEnded,
    BatchPlanned,
    FrozenOutput,
    ItemAdded,
    JobPlanned,
    PlannedPhase,
    UsageSettled,
)
from harness.core.run_events import Paused, Resumed, RunStarted
from harness.ledger import clean_shutdown
from harness.ledger.entry_queries import last_seq
from harness.ledger.run_queries import run_state
from harness.ledger.shapes import stranger_in
from harness.ledger.store import Ledger, entries, opened_for_reading, rebuild, state_of
from harness.ledger.tables import STATE_TABLES
from tests.covers import covers


def a_ledger(path: Path) -> Ledger:
    """A planned job of three items in one batch."""
    ledger = Ledger.open(path, SystemClock())
    phase = PlannedPhase(1, "main", "item", 0, "own", False, 3)
    ledger.record(
        JobPlanned("job", "item", True, "0", {"prompt": "abc"}, (phase,), 3),
        *(
            ItemAdded(1, item, None, item, f"{n:08d}", 1, {"n": n, "big": 2**60 + 1}, "sha")
            for n, item in enumerate("abc")
        ),
        BatchPlanned(1, 1, 0, ("a", "b", "c"), 1),
        RunStarted(1, "host", "0", 1, None, "off", "none"),
    )
    return ledger


def test_state_tables_are_rebuilt_from_the_entries_alone(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path / "ledger.db")
    assert state_of(rebuild(ledger.db)) == state_of(ledger.db)
    assert ledger.db.execute("SELECT state FROM groups").fetchall() == [("ready",)]


def test_an_event_survives_the_ledger_unchanged(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path / "ledger.db")
    for entry in entries(ledger.db):
        assert decode(type(entry.event).__name__, encode(entry.event)) == entry.event
    added = [entry.event for entry in entries(ledger.db) if isinstance(entry.event, ItemAdded)]
    assert added[0].data["big"] == 2**60 + 1


def test_text_that_no_utf8_can_hold_is_kept_as_far_as_it_can_be(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path / "ledger.db")
    half, data = "a\udcffb\ud83d\ude00", {"\ud800k": ["\udcff", {"deep": ("x\udc00", 2**70, None)}]}
    clean = "a\ufffdb\U0001f600"
    output = FrozenOutput(half, "sha", 1)
    ended = AttemptEnded(1, "succeeded", None, None, half, 0.5, None, half, None, (output,), (half,), (half,), data)
    told = decode("AttemptEnded", encode(ended))
    assert isinstance(told, AttemptEnded) and told.outputs == (FrozenOutput(clean, "sha", 1),)
    assert (told.detail, told.model, told.invented, told.notes) == (clean, clean, (clean,), (clean,))
    items = [("d", data), ("e", {"\udcff": 1})]
    added = [ItemAdded(1, id_, None, id_, id_, n, fields, "sha") for n, (id_, fields) in enumerate(items, 4)]
    ledger.record(RunStarted(2, half, "0", 1, None, "off", "none"), *added)
    assert state_of(rebuild(ledger.db)) == state_of(ledger.db)
    *_, started, added_first, _ = [entry.event for entry in entries(ledger.db)]
    assert isinstance(started, RunStarted) and isinstance(added_first, ItemAdded)
    assert clean in astuple(started)
    assert added_first.data == {"\ufffdk": ["\ufffd", {"deep": ["x\ufffd", 2**70, None]}]}


def test_a_ledger_that_is_open_has_no_mark_of_a_clean_shutdown(tmp_path: Path) -> None:
    """Else what a killed run wrote after the mark would be taken for damage."""
    path = tmp_path / "ledger.db"
    a_ledger(path).close()
    assert clean_shutdown.look(path) == "whole"
    with Ledger.open(path, SystemClock()):
        assert clean_shutdown.look(path) == "none"
    assert clean_shutdown.look(path) == "whole"


def test_a_commit_is_on_the_disk_before_it_returns(tmp_path: Path) -> None:
    """2 = FULL. With NORMAL a loss of power takes the last commits with it."""
    a_ledger(tmp_path / "ledger.db").close()
    ledger = Ledger.open(tmp_path / "ledger.db", SystemClock())
    assert ledger.db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_cap_on_tokens_counts_what_is_written_to_the_cache_and_not_what_is_read_there(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path / "ledger.db")
    for tokens in ((1, 10, 1_000, 100), (2, 20, 2_000, 200)):
        ledger.record(UsageSettled(1, 0, True, *tokens, 1))
    assert run_state(ledger.db).used.tokens == 333


def test_nothing_of_a_failed_transaction_stays(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path / "ledger.db")
    before = list(entries(ledger.db))
    with pytest.raises(RuntimeError), ledger.transaction() as transaction:
        transaction.record([Paused("anna")])
        raise RuntimeError
    assert list(entries(ledger.db)) == before
    assert ledger.db.execute("SELECT paused FROM job").fetchone() == (0,)


def test_joined_transactions_are_seen_inside_at_once_and_outside_together(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path / "ledger.db")
    before = last_seq(ledger.db)
    with ledger.joined():
        ledger.record(Paused("a"))
        seen_after_one = ledger.transactions
        ledger.record(Resumed("b"))
        assert ledger.transactions == seen_after_one + 1
        assert last_seq(ledger.db) == before + 2
        with opened_for_reading(ledger.path) as outside:
            assert last_seq(outside) == before
    with opened_for_reading(ledger.path) as outside:
        assert last_seq(outside) == before + 2
    ledger.record(Paused("c"))
    with opened_for_reading(ledger.path) as outside:
        assert last_seq(outside) == before + 3


def test_joined_transactions_are_undone_together_and_what_was_asked_meanwhile_is_asked_again(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path / "ledger.db")
    before = last_seq(ledger.db)
    with pytest.raises(RuntimeError), ledger.joined():
        ledger.record(Paused("a"))
        seen = ledger.transactions
        raise RuntimeError
    assert last_seq(ledger.db) == before
    assert ledger.transactions > seen
    ledger.record(Paused("b"))
    assert last_seq(ledger.db) == before + 1


def test_a_transaction_within_another_is_refused_where_none_are_joined(tmp_path: Path) -> None:
    """The inner one would commit what the outer one has only begun."""
    ledger = a_ledger(tmp_path / "ledger.db")
    before = last_seq(ledger.db)
    with pytest.raises(sqlite3.OperationalError), ledger.transaction() as outer:
        outer.record([Paused("a")])
        ledger.record(Resumed("b"))
    assert last_seq(ledger.db) == before


def test_a_reader_can_not_write_and_does_not_create(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), opened_for_reading(tmp_path / "none.db"):
        pass
    a_ledger(tmp_path / "ledger.db")
    with opened_for_reading(tmp_path / "ledger.db") as db, pytest.raises(sqlite3.OperationalError):
        db.execute("UPDATE job SET name = 'x'")


@covers("F77")
def test_T04_every_flipped_byte_of_an_entry_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    a_ledger(path).close()
    db = sqlite3.connect(path)
    rows = db.execute("SELECT seq, body FROM entries").fetchall()
    db.close()
    for seq, body in rows:
        for at in range(0, len(body), 7):
            copy = tmp_path / "copy.db"
            shutil.copy(path, copy)
            flipped = body[:at] + chr(ord(body[at]) ^ 1) + body[at + 1 :]
            db = sqlite3.connect(copy)
            db.execute("UPDATE entries SET body = ? WHERE seq = ?", (flipped, seq))
            db.commit()
            db.close()
            with pytest.raises(LedgerDamagedError, match=f"entry {seq} "):
                Ledger.open(copy, SystemClock())
            for leftover in tmp_path.glob("copy.db*"):
                leftover.unlink()


def test_T04_a_missing_entry_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    a_ledger(path).close()
    db = sqlite3.connect(path)
    db.execute("DELETE FROM entries WHERE seq = 3")
    db.commit()
    db.close()
    with pytest.raises(LedgerDamagedError, match="entry 3 is missing"):
        Ledger.open(path, SystemClock())


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be read as one" * 40])
def test_T05_a_truncated_or_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(LedgerDamagedError):
        Ledger.open(path, SystemClock())
    assert path.read_bytes() == content


def test_T06_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = a_ledger(path)
    ledger.db.execute("PRAGMA user_version = 99")
    ledger.close()
    with pytest.raises(LedgerDamagedError, match="newer harness"):
        Ledger.open(path, SystemClock())
    with pytest.raises(LedgerDamagedError, match="newer harness"), opened_for_reading(path):
        pass


def test_a_crash_while_the_file_is_made_leaves_no_half_ledger(tmp_path: Path) -> None:
    (tmp_path / ".ledger.db.new").write_bytes(b"half")
    assert a_ledger(tmp_path / "ledger.db").is_planned()


def test_T06_state_tables_of_an_older_shape_are_made_anew_from_the_entries(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = a_ledger(path)
    expected = state_of(ledger.db)
    old = sqlite3.connect(Path(__file__).parents[1] / "golden/ledgers/0.1.0/ledger.db")
    made = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'entries' ORDER BY type DESC"
    older = "; ".join(sql for (sql,) in old.execute(made))
    (shape,) = old.execute("PRAGMA application_id").fetchone()
    old.close()
    drops = "; ".join(f"DROP TABLE {table}" for table in STATE_TABLES)
    ledger.db.executescript(f"BEGIN; {drops}; {older}; PRAGMA application_id={shape}; COMMIT;")
    ledger.close()
    with opened_for_reading(path) as db:
        assert state_of(db) == expected
    opened = Ledger.open(path, SystemClock())
    assert state_of(opened.db) == expected
    assert stranger_in(opened.db) is None
