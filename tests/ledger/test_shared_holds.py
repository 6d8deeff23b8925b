"""Laws of holds that jobs share: the longest counts, nobody undoes another's, and rubbish is no hold."""

import errno
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.core.messages import Message, message, told
from harness.ledger.shared_holds import SharedHolds, state_home

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMIT = message("provider_fault", fault="usage_limit")
WEEKLY = message("provider_fault", fault="weekly_limit")

_WRITE = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from harness.core.messages import message
from harness.ledger.shared_holds import SharedHolds
holds, limit = SharedHolds(Path(sys.argv[1]), "abc", f"job {sys.argv[2]}"), message("provider_fault", fault="x")
print("ready", flush=True)
sys.stdin.readline()
for step in range(20):
    minutes = 1 + (step * 7 + int(sys.argv[2]) * 3) % 60
    assert holds.place(datetime(2026, 11, 20, 22, minutes % 60, int(sys.argv[2]), tzinfo=UTC), limit)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def met(hold: Message, job: str) -> Message:
    return message("met_elsewhere", hold=hold.as_json(), job=job)


def files(folder: Path) -> list[Path]:
    return sorted((folder / "holds" / "abc").iterdir())


def test_a_second_job_on_the_same_credential_sees_the_hold(folder: Path) -> None:
    first = SharedHolds(folder, "abc", "west")
    assert first.place(NOW + HOUR, LIMIT)
    assert SharedHolds(folder, "abc", "east").current(NOW) == (NOW + HOUR, met(LIMIT, "west"))
    assert first.current(NOW) == (NOW + HOUR, LIMIT)
    assert SharedHolds(folder, "another", "east").current(NOW) is None


def test_the_longer_hold_wins_in_either_order(folder: Path) -> None:
    first, second = SharedHolds(folder, "abc", "west"), SharedHolds(folder, "abc", "east")
    first.place(NOW + 3 * HOUR, WEEKLY)
    second.place(NOW + HOUR, LIMIT)
    assert second.current(NOW) == (NOW + 3 * HOUR, met(WEEKLY, "west"))
    second.place(NOW + 5 * HOUR, LIMIT)
    assert first.current(NOW) == (NOW + 5 * HOUR, met(LIMIT, "east"))
    assert len(files(folder)) == 1


def test_a_shorter_hold_stays_until_the_longer_one_is_on_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a kill between the two, or a full disk, leaves no hold at all."""

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    holds = SharedHolds(folder, "abc")
    holds.place(NOW + HOUR, LIMIT)
    monkeypatch.setattr("harness.ledger.shared_holds.write_atomic", full)
    assert not holds.place(NOW + 3 * HOUR, WEEKLY)
    assert holds.current(NOW) == (NOW + HOUR, LIMIT)


def test_the_same_hold_is_written_once(folder: Path) -> None:
    holds = SharedHolds(folder, "abc", "west")
    for _ in range(3):
        holds.place(NOW + HOUR, LIMIT)
    assert len(files(folder)) == 1


def test_an_expired_hold_is_none_and_neither_is_one_that_no_plan_has(folder: Path) -> None:
    holds = SharedHolds(folder, "abc")
    holds.place(NOW + HOUR, LIMIT)
    assert holds.current(NOW + HOUR) is None
    assert holds.current(NOW - timedelta(days=30)) is None  # this clock, or the one it was set by, is wrong


def test_H04_a_clock_that_went_back_an_hour_still_holds(folder: Path) -> None:
    holds = SharedHolds(folder, "abc")
    holds.place(NOW + HOUR, LIMIT)
    assert holds.current(NOW - HOUR) == (NOW + HOUR, LIMIT)


def test_a_lifted_hold_is_gone_for_all(folder: Path) -> None:
    SharedHolds(folder, "abc", "west").place(NOW + HOUR, LIMIT)
    SharedHolds(folder, "abc", "east").lift()
    assert SharedHolds(folder, "abc", "west").current(NOW) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"until": "2026-11-2',
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 5000,
        b'{"until": 7, "reason": "x", "set_by": ""}',
        b'{"until": "2026-11-20T23:00:00Z", "reason": 7, "set_by": ""}',
        b'{"until": "9999-12-31T23:59:59-23:00", "reason": "x", "set_by": ""}',
        b'{"until": "2036-11-20T23:00:00Z", "reason": "for ever", "set_by": ""}',
        b'{"until": "2026-11-20T23:00:00Z", "reason": "' + b"x" * 10_000 + b'", "set_by": ""}',
    ],
)
def test_rubbish_is_no_hold_and_hides_none(folder: Path, content: bytes) -> None:
    holds = SharedHolds(folder, "abc")
    holds.place(NOW + HOUR, LIMIT)
    (folder / "holds" / "abc" / "other.json").write_bytes(content)
    assert holds.current(NOW) == (NOW + HOUR, LIMIT)
    holds.lift()
    assert holds.current(NOW) is None


def test_links_pipes_and_folders_are_not_read(folder: Path, tmp_path: Path) -> None:
    holds = SharedHolds(folder, "abc")
    holds.place(NOW + HOUR, LIMIT)
    elsewhere = tmp_path / "elsewhere.json"
    files(folder)[0].rename(elsewhere)
    (folder / "holds" / "abc" / "link.json").symlink_to(elsewhere)
    os.mkfifo(folder / "holds" / "abc" / "pipe.json")
    (folder / "holds" / "abc" / "folder.json").mkdir()
    assert holds.current(NOW) is None


def test_a_hold_of_a_version_without_messages_is_read_and_cannot_speak_to_the_terminal(folder: Path) -> None:
    SharedHolds(folder, "abc", "we\nst").place(NOW + HOUR, LIMIT)
    old = {"until": "2026-11-20T23:00:00Z", "reason": "limit\x1b[2J", "set_by": "we\nst"}
    files(folder)[0].write_text(json.dumps(old))
    assert SharedHolds(folder, "abc", "east").current(NOW) == (NOW + HOUR, met(told("limit [2J"), "we st"))


def test_a_folder_that_cannot_be_written_costs_only_the_sharing(folder: Path) -> None:
    folder.write_text("in the way")
    holds = SharedHolds(folder, "abc")
    assert not holds.place(NOW + HOUR, LIMIT)
    assert holds.current(NOW) is None
    holds.lift()


def test_everything_is_private_to_the_user(folder: Path) -> None:
    SharedHolds(folder, "abc").place(NOW + HOUR, LIMIT)
    paths = [folder, folder / "holds", folder / "holds" / "abc", *files(folder)]
    assert all(path.stat().st_mode & 0o077 == 0 for path in paths)
    assert set(json.loads(files(folder)[0].read_bytes())) == {"until", "reason", "set_by", "why"}


def test_of_many_writers_at_once_the_longest_hold_is_left(folder: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITE, str(folder), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n")
        assert writer.returncode == 0
    longest = max(
        datetime(2026, 11, 20, 22, (1 + (step * 7 + number * 3) % 60) % 60, number, tzinfo=UTC)
        for step in range(20)
        for number in range(4)
    )
    held = SharedHolds(folder, "abc").current(NOW)
    assert held is not None
    assert held[0] == longest


def test_the_state_folder_is_where_the_user_says() -> None:
    home = Path("/home/anna")
    assert state_home({"XDG_STATE_HOME": "/var/anna"}, home) == Path("/var/anna/harness")
    assert state_home({}, home) == Path("/home/anna/.local/state/harness")
    assert state_home({"XDG_STATE_HOME": "relative"}, home) == Path("/home/anna/.local/state/harness")
