"""Room is held, given back, and held again."""

import errno
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from harness.ledger import reserve_file


def test_the_reserve_file_is_room_on_the_disk_and_no_hole(tmp_path: Path) -> None:
    path = tmp_path / "ballast"
    reserve_file.lay(path)
    status = path.stat()
    assert status.st_size == reserve_file.SIZE_BYTES and status.st_blocks * 512 >= reserve_file.SIZE_BYTES
    assert status.st_mode & 0o777 == 0o600


def test_a_reserve_file_that_was_let_go_is_laid_again_and_may_be_let_go_twice(tmp_path: Path) -> None:
    path = tmp_path / "ballast"
    for _ in range(2):
        reserve_file.lay(path)
        reserve_file.lay(path)
        reserve_file.let_go(path)
        reserve_file.let_go(path)
        assert not path.exists()


@pytest.mark.parametrize(("number", "is_laid"), [(errno.EOPNOTSUPP, True), (errno.EINVAL, True), (errno.ENOSPC, False)])
def test_a_disk_that_cannot_reserve_is_written_to_and_one_without_room_keeps_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_laid: bool
) -> None:
    def refuses(descriptor: int, offset: int, size: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuses)
    path = tmp_path / "reserve"
    with nullcontext() if is_laid else pytest.raises(OSError):
        reserve_file.lay(path)
    assert (path.stat().st_size if path.exists() else None) == (reserve_file.SIZE_BYTES if is_laid else None)
