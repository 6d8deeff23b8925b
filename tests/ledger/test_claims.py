"""Two jobs never merge into one place, however it is named and wherever their manifests lie."""

import fcntl
import os
from pathlib import Path

import pytest

from harness.base.clock import SystemClock
from harness.ledger.lock import JobLock
from harness.ledger.merge_targets import Claims, TargetConflict
from harness.ledger.store import Ledger


def _state(folder: Path, name: str, *, items: int = 1) -> Path:
    """A job that was planned; with no items nothing is left to do."""
    state = folder / name / ".harness" / "job"
    state.mkdir(parents=True)
    with Ledger.open(state / "ledger.db", SystemClock()) as ledger:
        ledger.db.executemany(
            "INSERT INTO items(phase, item, root, place, number, state, strikes, round, attempts, reasons, data, sha)"
            " VALUES (1, ?, ?, ?, 1, 'pending', 0, 1, 0, '[]', '{}', '')",
            [(f"i{number}", f"i{number}", f"{number:08d}") for number in range(items)],
        )
    return state


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        ("out/all.json", "out/all.json", True),
        ("out/all.json", "linked/all.json", True),
        ("out/all.json", "out/ALL.json", True),
        ("out", "out/all.json", True),
        ("out/all.json", "out", True),
        ("out/all.json", "out/all.jsonl", False),
        ("out/a", "out/ab", False),
    ],
)
def test_a_target_is_claimed_by_one_job(tmp_path: Path, first: str, second: str, is_refused: bool) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "linked").symlink_to("out")
    claims, one, other = Claims(tmp_path / "shared"), _state(tmp_path, "one"), _state(tmp_path, "other")
    assert claims.claim(one, Path("one.yaml"), [tmp_path / first]) == []
    assert claims.claim(one, Path("one.yaml"), [tmp_path / first]) == [], "its own claim is in nobody's way"
    conflicts = claims.claim(other, Path("other.yaml"), [tmp_path / "else.json", tmp_path / second])
    assert conflicts == ([TargetConflict(tmp_path / second, "one.yaml", False)] if is_refused else [])


def test_a_claim_lasts_as_long_as_its_job_may_merge(tmp_path: Path) -> None:
    claims, target = Claims(tmp_path / "shared"), tmp_path / "all.json"
    one, other = _state(tmp_path, "one", items=0), _state(tmp_path, "other")
    assert claims.claim(one, Path("one.yaml"), [target]) == []
    with JobLock(one / "lock", SystemClock()):
        assert [conflict.is_running for conflict in claims.claim(other, Path("other.yaml"), [target])] == [True]
    target.touch()
    assert claims.claim(other, Path("other.yaml"), [target]), "finished, and its file is there"
    target.unlink()
    assert claims.claim(other, Path("other.yaml"), [target]) == [], "finished, and its file was moved away"
    assert [conflict.manifest for conflict in claims.claim(one, Path("one.yaml"), [target])] == ["other.yaml"]
    (other / "ledger.db").rename(other / "elsewhere")
    assert claims.claim(one, Path("one.yaml"), [target]) == [], "the other one was started anew, or is gone"


@pytest.mark.parametrize("ends", ["damaged", "a folder"])
def test_a_job_whose_ledger_cannot_be_read_keeps_its_claim(tmp_path: Path, ends: str) -> None:
    claims, target = Claims(tmp_path / "shared"), tmp_path / "all.json"
    one, other = _state(tmp_path, "one", items=0), _state(tmp_path, "other")
    assert claims.claim(one, Path("one.yaml"), [target]) == []
    (one / "ledger.db").unlink()
    if ends == "damaged":
        (one / "ledger.db").write_bytes(b"SQLite format 3\0 and no more")
    else:
        (one / "ledger.db").mkdir()
    assert [conflict.manifest for conflict in claims.claim(other, Path("other.yaml"), [target])] == ["one.yaml"]


@pytest.mark.parametrize(
    "content",
    [b"", b"[", b"[]", b"7", b"{}", b'{"state": 7}', b'{"state": "x", "manifest": "y", "targets": 7}', b"\xff"],
)
def test_rubbish_is_no_claim_and_hides_none(tmp_path: Path, content: bytes) -> None:
    claims, target = Claims(tmp_path / "shared"), tmp_path / "all.json"
    assert claims.claim(_state(tmp_path, "one"), Path("one.yaml"), [target]) == []
    (tmp_path / "shared" / "claims" / "0.json").write_bytes(content)
    clashes = claims.claim(_state(tmp_path, "other"), Path("other.yaml"), [target])
    assert [clash.manifest for clash in clashes] == ["one.yaml"]


def test_two_launches_at_one_moment_look_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each sees no claim of the other, and both merge into one file."""
    refused = []

    def write(path: Path, content: bytes) -> None:
        descriptor = os.open(path.parent / "lock", os.O_RDWR)
        with pytest.raises(BlockingIOError) as error:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        refused.append(error)
        os.close(descriptor)

    monkeypatch.setattr("harness.ledger.merge_targets.write_atomic", write)
    assert Claims(tmp_path / "shared").claim(_state(tmp_path, "one"), Path("one.yaml"), [tmp_path / "all.json"]) == []
    assert refused


def test_a_folder_that_cannot_be_written_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "shared").write_text("")
    assert Claims(tmp_path / "shared").claim(tmp_path, Path("one.yaml"), [tmp_path / "all.json"]) == []
