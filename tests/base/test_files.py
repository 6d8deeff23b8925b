"""Files that must survive: whole or not at all, and nothing half of them is left for ever."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.artifacts import ArtifactStore, sha_of
from harness.base.errors import BrokenSetupError
from harness.base.files import refuse_shared, remove_half_written, write_atomic


def test_a_reader_never_sees_half_a_file_and_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    def breaking() -> list[bytes]:
        raise OSError("full")

    write_atomic(tmp_path / "a", b"old")
    with pytest.raises(OSError, match="full"):
        write_atomic(tmp_path / "a", (piece for _ in "x" for piece in breaking()))
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_T01_half_files_of_a_killed_process_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".a.json.0123abcd.tmp", ".b.json.0123abcd.tmp", "a.json", ".a.json.tmp", "a.json.0123abcd.tmp"):
        (tmp_path / name).write_bytes(b"x")
    remove_half_written(tmp_path, "a.json")
    assert not (tmp_path / ".a.json.0123abcd.tmp").exists()
    assert len(list(tmp_path.iterdir())) == 4


def test_T01_half_artifacts_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    sha = store.put(b"kept")
    (tmp_path / f".{sha_of(b'lost')}.0123abcd.tmp").write_bytes(b"lo")
    store.tidy()
    assert store.get(sha) == b"kept"
    assert not list(tmp_path.rglob(".*"))


def test_a_big_artifact_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        synced.append("content" if path.name.startswith(".big") else "folder")

    monkeypatch.setattr(os, "fsync", sync)
    stored = ArtifactStore(tmp_path).put_pieces(iter([b"x" * 1000, b"y" * 1000]))
    assert stored.size_bytes == 2000
    assert synced.count("content") == 1 and synced[-1] == "folder"


def test_L5_a_state_folder_that_others_may_write_in_is_closed_and_one_of_theirs_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o2777)
    refuse_shared(tmp_path)
    assert tmp_path.stat().st_mode & 0o7777 == 0o2755
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(BrokenSetupError, match="belongs to the user") as refusal:
        refuse_shared(tmp_path)
    assert f"chown -R {tmp_path.stat().st_uid + 1} {tmp_path}" in str(refusal.value.hint)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    refuse_shared(tmp_path)


def test_a_write_that_fails_names_the_file(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError) as raised:
        write_atomic(tmp_path / "a.json", pieces())
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(tmp_path / "a.json"))
    assert not list(tmp_path.iterdir())
