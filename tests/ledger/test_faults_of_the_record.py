"""A ledger that lost power, was edited by hand, has times that go backwards, or is very long."""

import shutil
import sqlite3
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.base.clock import SystemClock
from harness.base.errors import LedgerDamagedError
from harness.core.events import BatchPlanned, ItemAdded, JobPlanned, PlannedPhase
from harness.core.run_events import Paused, Resumed, RunStarted
from harness.ledger.store import Ledger, entries, rebuild, state_of
from tests.covers import covers


class Backwards(SystemClock):
    """A wall clock that is set back an hour each time that it is looked at."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)

    def now(self) -> datetime:
        self._now -= timedelta(hours=1)
        return self._now


def planned(path: Path, items: int = 3, clock: SystemClock | None = None, *, durable: bool = True) -> Ledger:
    ledger = Ledger.open(path, clock or SystemClock(), durable=durable)
    phase = PlannedPhase(1, "main", "item", 0, "own", False, 3)
    names = tuple(f"i{n:06}" for n in range(items))
    ledger.record(
        JobPlanned("job", "item", True, "0", {}, (phase,), items),
        *(ItemAdded(1, name, None, name, f"{n:08d}", 1, {"n": n}, "sha") for n, name in enumerate(names)),
        BatchPlanned(1, 1, 0, names, 1),
        RunStarted(1, "host", "0", 1, None, "off", "none"),
    )
    return ledger


def test_T03_what_a_power_cut_leaves_of_the_log_is_a_prefix_of_whole_transactions(tmp_path: Path) -> None:
    """The write-ahead log is cut at every 97th byte: un-synced bytes are lost, the last record is torn."""
    ledger = planned(tmp_path / "ledger.db")
    acknowledged = []
    wal = tmp_path / "ledger.db-wal"
    for number in range(6):
        ledger.record(Paused("anna") if number % 2 == 0 else Resumed("anna"))
        acknowledged.append((wal.stat().st_size, len(list(entries(ledger.db)))))
    whole = list(entries(ledger.db))
    cut = tmp_path / "cut"
    for length in range(acknowledged[0][0], wal.stat().st_size + 1, 97):
        shutil.rmtree(cut, ignore_errors=True)
        cut.mkdir()
        shutil.copy(tmp_path / "ledger.db", cut)
        (cut / "ledger.db-wal").write_bytes(wal.read_bytes()[:length])
        left = Ledger.open(cut / "ledger.db", SystemClock())
        found = list(entries(left.db))
        assert found == whole[: len(found)]
        assert len(found) >= max(count for size, count in acknowledged if size <= length)
        assert state_of(rebuild(left.db)) == state_of(left.db)
        left.close()
    ledger.close()


def test_T16_when_the_clock_goes_backwards_the_order_is_that_of_the_numbers(tmp_path: Path) -> None:
    ledger = planned(tmp_path / "ledger.db", clock=Backwards())
    ledger.record(Paused("anna"))
    ledger.record(Resumed("anna"))
    found = list(entries(ledger.db))
    assert [entry.seq for entry in found] == list(range(1, len(found) + 1))
    assert found[-1].time < found[-2].time < found[0].time
    ledger.close()
    again = Ledger.open(tmp_path / "ledger.db", Backwards())
    assert list(entries(again.db)) == found
    assert again.db.execute("SELECT paused FROM job").fetchone() == (0,), "the last word was to go on"
    assert state_of(rebuild(again.db)) == state_of(again.db)
    again.close()


@pytest.mark.parametrize(
    "edit",
    [
        "DELETE FROM entries WHERE kind = 'ItemAdded' AND body LIKE '%i000001%'",
        "UPDATE entries SET body = replace(body, 'anna', 'berta') WHERE kind = 'Paused'",
        "UPDATE entries SET time = '2020-01-01T00:00:00Z' WHERE seq = 2",
        "INSERT INTO entries SELECT max(seq) + 1, max(time), 'Resumed', '{\"who\":\"anna\"}', x'00' FROM entries",
    ],
)
def test_T17_an_edit_by_hand_is_refused_and_left_alone(tmp_path: Path, edit: str) -> None:
    path = tmp_path / "ledger.db"
    ledger = planned(path)
    ledger.record(Paused("anna"))
    ledger.close()
    by_hand = sqlite3.connect(path)
    changed = by_hand.execute(edit).rowcount
    by_hand.commit()
    by_hand.close()
    assert changed == 1
    before = path.read_bytes()
    with pytest.raises(LedgerDamagedError):
        Ledger.open(path, SystemClock())
    assert path.read_bytes() == before


@covers("F165", "A15")
def test_T18_a_ledger_of_ten_thousand_items_opens_in_little_memory(tmp_path: Path) -> None:
    ledger = planned(tmp_path / "ledger.db", 10_000, durable=False)
    expected = len(list(entries(ledger.db)))
    ledger.db.execute("UPDATE job SET paused = 1")  # a state table that is wrong, of a shape that is remade
    ledger.db.execute("PRAGMA application_id=7")
    ledger.close()
    tracemalloc.start()
    again = Ledger.open(tmp_path / "ledger.db", SystemClock())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 1024 * 1024
    assert sum(1 for _ in entries(again.db)) == expected == 10_003
    assert again.db.execute("SELECT count(*) FROM items").fetchone() == (10_000,)
    assert again.db.execute("SELECT paused FROM job").fetchone() == (0,)
    again.close()
