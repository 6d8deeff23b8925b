"""A ledger file that was changed, cut, lost, moved or made by another version: refused, mended or gone on with."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from harness.base.clock import SystemClock
from harness.base.errors import LedgerDamagedError
from harness.ledger.store import Ledger, rebuild, state_of
from tests.checker.laws import broken_laws
from tests.checker.record import Record
from tests.sweeps.injecting import SmallJob
from tests.sweeps.nights import FIRST, MERGED, WORK, Night

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "ledgers"
"""By version: a job of two phases, two runs, an item that failed in both rounds and one that needed a second try."""

State = dict[str, list[tuple[object, ...]]]


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A ledger that was closed in order by today's program."""
    path = tmp_path / "ledger.db"
    shutil.copy(GOLDEN / "0.1.0" / "ledger.db", path)
    Ledger.open(path, SystemClock()).close()
    return path


def _state(path: Path) -> State:
    ledger = Ledger.open(path, SystemClock())
    try:
        return state_of(ledger.db)
    finally:
        ledger.close()


def _outcome(original: Path, content: bytes, scratch: Path) -> State | None:
    """The state that a ledger of this content opens with; None when it is refused."""
    scratch.mkdir()
    copy = scratch / "ledger.db"
    copy.write_bytes(content)
    shutil.copy(original.with_suffix(".seal"), scratch)
    try:
        return _state(copy)
    except LedgerDamagedError:
        return None
    finally:
        shutil.rmtree(scratch)


@pytest.mark.parametrize("version", sorted(path.name for path in GOLDEN.iterdir()))
def test_T06_a_ledger_of_every_version_opens_verifies_and_is_rebuilt(tmp_path: Path, version: str) -> None:
    path = tmp_path / "ledger.db"
    shutil.copy(GOLDEN / version / "ledger.db", path)
    ledger = Ledger.open(path, SystemClock())
    assert state_of(rebuild(ledger.db)) == state_of(ledger.db)
    states = ledger.db.execute("SELECT state, count(*) FROM items GROUP BY state ORDER BY state").fetchall()
    assert states == [("done", 12), ("failed", 1)]
    assert ledger.db.execute("SELECT item, strikes, round FROM items WHERE strikes > 0 ORDER BY item").fetchall() == [
        ("s2.1", 1, 1),
        ("s4", 3, 2),
    ]
    ledger.close()


def test_T04_a_byte_flipped_anywhere_in_the_file_is_refused_or_mended(closed: Path, tmp_path: Path) -> None:
    before, content = _state(closed), closed.read_bytes()
    outcomes = []
    for at in range(11, len(content), 1201):
        flipped = content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :]
        state = _outcome(closed, flipped, tmp_path / "flipped")
        assert state is None or state == before, f"byte {at}"
        outcomes.append(state)
    assert None in outcomes and before in outcomes, "both were tried"


def test_T04_a_changed_state_table_is_made_anew_from_the_entries(closed: Path) -> None:
    before = _state(closed)
    db = sqlite3.connect(closed)
    db.execute("UPDATE items SET state = 'done', strikes = 0 WHERE item = 's4'")
    db.commit()
    db.close()
    assert _state(closed) == before


def test_T05_a_cut_file_is_refused_or_harmless(closed: Path, tmp_path: Path) -> None:
    before, content = _state(closed), closed.read_bytes()
    for size in (0, 1, 99, 100, 4095, 4096, len(content) // 2, len(content) - 4096, len(content) - 1):
        state = _outcome(closed, content[:size], tmp_path / "cut")
        assert state is None or state == before, f"cut to {size} bytes"


def test_T05_a_lost_ledger_never_begins_anew_beside_what_it_made() -> None:
    with SmallJob() as job:
        assert job.run().code == 0
        there = sorted(job.folder.rglob("*.json"))
        (job.state / "ledger.db").unlink()
        said = job.run()
        assert said.code == 6 and "is missing" in said.text and "--reset" in said.text
        assert sorted(job.folder.rglob("*.json")) == there and not (job.state / "ledger.db").exists()
        assert job.run(None, "--reset").code == 0


def test_T05_an_older_ledger_is_not_gone_on_with() -> None:
    with SmallJob() as job:
        assert job.run(None, "--first", "2").code == 0
        kept = (job.state / "ledger.db").read_bytes()
        assert job.run().code == 0
        (job.state / "ledger.db").write_bytes(kept)
        said = job.run()
        assert said.code == 6 and "is older than" in said.text


def test_T06_a_ledger_of_a_newer_version_is_left_alone() -> None:
    with SmallJob() as job:
        assert job.run(None, "--first", "2").code == 0
        db = sqlite3.connect(job.state / "ledger.db")
        db.execute("PRAGMA user_version = 99")
        db.close()
        said = job.run()
        assert said.code == 6 and "newer harness" in said.text


@pytest.mark.parametrize("is_copied", [False, True], ids=["moved", "copied"])
def test_T14_a_moved_or_copied_folder_goes_on(is_copied: bool) -> None:
    with SmallJob() as job:
        assert job.run(None, "--first", "2").code == 0
        elsewhere = job.folder.with_name("elsewhere")
        if is_copied:
            shutil.copytree(job.folder, elsewhere)
        else:
            job.folder.rename(elsewhere)
        job.folder, job.state = elsewhere, elsewhere / ".harness" / "job"
        assert job.run().code == 0
        record = Record(job.state)
        assert len(record.of("AttemptStarted")) == len(MERGED), "what was done is not done again"
        assert not broken_laws(job.state)


_WAITING = WORK.replace('echo "$HARNESS', 'read -r go < "${0%/*}/gate$HARNESS_BATCH"\necho "$HARNESS')
_WAITING_NIGHT = Night("waiting", {**FIRST.files, "work.sh": _WAITING}, MERGED)


def _make_gates(job: SmallJob) -> None:
    """A session goes on when somebody has written to its gate."""
    for number in range(1, len(MERGED) + 1):
        os.mkfifo(job.folder / f"gate{number}")


def test_T07_of_eight_supervisors_exactly_one_runs() -> None:
    with SmallJob(night=_WAITING_NIGHT) as job:
        _make_gates(job)
        eight = [job.begin() for _ in range(8)]
        codes: list[int] = []
        while len(codes) < 7:
            over = [process for process in eight if process.poll() is not None]
            codes += [process.returncode for process in over]
            eight = [process for process in eight if process not in over]
        assert codes == [5] * 7
        for number in range(1, len(MERGED) + 1):
            (job.folder / f"gate{number}").write_text("go\n")
        assert job.end(eight[0]).code == 0
        record = Record(job.state)
        assert len(record.of("RunStarted")) == 1 and len(record.of("AttemptStarted")) == len(MERGED)
        assert not broken_laws(job.state)


def test_T08_a_lock_file_removed_under_a_run_stops_it() -> None:
    with SmallJob(night=_WAITING_NIGHT) as job:
        _make_gates(job)
        process = job.begin()
        with (job.folder / "gate1").open("w") as one, (job.folder / "gate2").open("w") as two:  # both sessions wait
            (job.state / "lock").unlink()
            one.write("go\n")
            two.write("go\n")
        said = job.end(process)
        assert said.code == 4 and "lock file was removed" in said.text
        assert len(Record(job.state).of("AttemptStarted")) == 2, "nothing was started after it was removed"
        assert not broken_laws(job.state)
