"""Who looks at a damaged ledger is told so, exit code 6, and never sees a traceback."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.base.clock import SystemClock
from harness.base.errors import HarnessError, LedgerDamagedError
from harness.ledger.store import Ledger
from harness.views.ledger_reading import reading
from harness.views.report import JobToday, write_report
from harness.views.status import read_status

GOLDEN = Path(__file__).resolve().parents[1] / "golden/ledgers/0.1.0/ledger.db"
NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state folder of a job that was closed in order."""
    folder = tmp_path / ".harness/job"
    folder.mkdir(parents=True)
    shutil.copy(GOLDEN, folder)
    Ledger.open(folder / "ledger.db", SystemClock()).close()
    return folder


def _look(state: Path, folder: Path) -> bool:
    """True when status and report can be read; False when that is refused in words."""
    try:
        read_status(state, NOW)
        write_report(state, folder, JobToday((), ()), NOW)
    except HarnessError:
        return False
    return True


def test_T04_a_flipped_byte_under_status_and_report_is_said_in_words(state: Path, tmp_path: Path) -> None:
    path, folder = state / "ledger.db", tmp_path / "report"
    folder.mkdir()
    whole = path.read_bytes()
    looked = []
    for at in range(17, len(whole), 2503):
        for mask in (0x41, 0x80):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
            looked.append(_look(state, folder))
    assert {True, False} == set(looked)


def test_what_raises_over_a_ledger_as_it_was_written_is_our_bug(state: Path) -> None:
    with pytest.raises(ValueError), reading(state):
        raise ValueError("a bug")
    content = bytearray((state / "ledger.db").read_bytes())
    content[-1] ^= 1
    (state / "ledger.db").write_bytes(content)
    with pytest.raises(LedgerDamagedError), reading(state):
        raise ValueError("what the damage did")
