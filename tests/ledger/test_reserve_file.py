"""Room is held, given back, and held again."""

from pathlib import Path

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
