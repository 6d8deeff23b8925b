"""Host errors in words: which disk, and what to do."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from harness.base.host_errors import in_words, is_full, is_of_the_machine


@pytest.mark.parametrize(
    ("number", "says", "to_do"),
    [
        (errno.ENOSPC, "the disk of /some/file is full", "make room"),
        (errno.EDQUOT, "quota for /some/file is used up", "make room"),
        (errno.EROFS, "the disk of /some/file is read-only", "writable"),
        (errno.EIO, "the disk of /some/file reported an error", "dmesg"),
        (errno.EMFILE, "too many open files", "ulimit -n"),
        (errno.EAGAIN, "cannot start more processes", "parallel"),
        (errno.EISDIR, "refused an operation at /some/file", "fix that"),
    ],
)
def test_H02_every_error_of_a_disk_says_which_one_and_what_to_do(number: int, says: str, to_do: str) -> None:
    error = in_words(OSError(number, os.strerror(number), "/some/file"), Path("/elsewhere"))
    assert says in error.message and os.strerror(number) in error.message
    assert to_do in (error.hint or "") and "same command again" in (error.hint or "")
    assert error.exit_code == 4


def test_an_error_that_names_no_file_is_of_the_place_that_was_meant() -> None:
    assert "/ledger" in in_words(OSError(errno.ENOSPC, "full"), Path("/ledger")).message


def test_a_full_database_is_the_disks_fault_and_a_malformed_one_is_not() -> None:
    full, malformed = sqlite3.OperationalError("full"), sqlite3.DatabaseError("malformed")
    full.sqlite_errorcode, malformed.sqlite_errorcode = sqlite3.SQLITE_FULL, sqlite3.SQLITE_CORRUPT
    assert is_of_the_machine(full) and "is full" in in_words(full, Path("/ledger")).message
    assert not is_of_the_machine(malformed)


def test_C09_no_more_threads_is_the_machines_fault_and_no_other_runtime_error_is() -> None:
    assert is_of_the_machine(RuntimeError("can't start new thread"))
    assert not is_of_the_machine(RuntimeError("a fault of ours"))


def test_a_disk_with_room_is_not_full(tmp_path: Path) -> None:
    assert not is_full(tmp_path)
    assert not is_full(tmp_path / "gone")
