"""One supervisor at a time, and requests that wait for it."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.base.clock import SystemClock
from harness.base.errors import JobHeldError
from harness.base.host_errors import in_words, is_of_the_machine
from harness.ledger import spool
from harness.ledger.lock import JobLock, is_held

_HOLD = """
import sys, subprocess
from pathlib import Path
from harness.base.clock import SystemClock
from harness.ledger.lock import JobLock
with JobLock(Path(sys.argv[1]), SystemClock()):
    child = subprocess.Popen(["sleep", "600"], close_fds=False)
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def test_T07_a_second_supervisor_is_told_who_holds_the_job(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with JobLock(path, SystemClock()), pytest.raises(JobHeldError, match="pid"), JobLock(path, SystemClock()):
        pass
    assert not is_held(path)
    with JobLock(path, SystemClock()):
        assert is_held(path)


def test_T11_no_child_inherits_the_lock_and_it_dies_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        assert is_held(path)
        holder.kill()
        holder.wait()
        assert not is_held(path)
    finally:
        subprocess.run(["kill", str(child)], check=True)
        for pipe in (holder.stdin, holder.stdout):
            assert pipe is not None
            pipe.close()


def test_T08_a_removed_or_replaced_lock_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with JobLock(path, SystemClock()) as lock:
        assert lock.is_in_place()
        path.unlink()
        assert not lock.is_in_place()
        path.touch()
        assert not lock.is_in_place()


@pytest.mark.parametrize("older", [True, False], ids=["a file that was there before", "a newer file"])
def test_T08_another_file_in_the_place_of_the_lock_is_noticed(tmp_path: Path, older: bool) -> None:
    path, other = tmp_path / "lock", tmp_path / "other"
    if older:
        other.touch()
    with JobLock(path, SystemClock()) as lock:
        other.touch()
        other.replace(path)
        assert not lock.is_in_place()


def test_only_a_cancel_is_meant_for_the_run_that_is_over(tmp_path: Path) -> None:
    for verb in ("cancel", "pause", "resume", "retry", "reject"):
        spool.post(tmp_path, spool.Request(verb, "anna"))
    spool.forget_cancels(tmp_path)
    assert [posted.request.verb for posted in spool.waiting(tmp_path)] == ["pause", "resume", "retry", "reject"]


def test_requests_wait_in_the_order_they_were_posted(tmp_path: Path) -> None:
    spool.post(tmp_path, spool.Request("pause", "anna"))
    spool.post(tmp_path, spool.Request("retry", "anna", items=("x",)))
    waiting = spool.waiting(tmp_path)
    assert [posted.request.verb for posted in waiting] == ["pause", "retry"]
    assert waiting[1].request.items == ("x",)
    waiting[0].done()
    assert len(spool.waiting(tmp_path)) == 1


def test_a_pipe_or_a_senseless_request_in_the_spool_holds_nobody_up(tmp_path: Path) -> None:
    spool.post(tmp_path, spool.Request("pause", "anna"))
    os.mkfifo(tmp_path / "00000000000000000001-abcdef01.json")
    (tmp_path / "00000000000000000002-abcdef01.json").write_text(
        '{"verb": "reject", "who": "x", "items": ["a"], "phase": 100000000000000000000}'
    )
    assert [posted.request.verb for posted in spool.waiting(tmp_path)] == ["pause"]


def test_what_is_no_request_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "000-broken.json").write_text("{")
    (tmp_path / "note.txt").write_text("hello")
    assert spool.waiting(tmp_path) == []
    assert (tmp_path / "note.txt").exists()


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a file of another user")
def test_L5_a_request_that_another_user_has_put_there_is_not_heeded(tmp_path: Path) -> None:
    spool.post(tmp_path, spool.Request("pause", "anna"))
    theirs = spool.post(tmp_path, spool.Request("pause", "anna"))
    os.chown(theirs, 65534, 65534)
    assert [posted.path for posted in spool.waiting(tmp_path)] == [next(p for p in tmp_path.iterdir() if p != theirs)]


def test_a_disk_that_takes_no_locks_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuses)
    with pytest.raises(OSError) as raised, JobLock(tmp_path / "lock", SystemClock()):
        pass
    assert in_words(raised.value, tmp_path).message.startswith(
        f"the disk of {tmp_path / 'lock'} does not support locks"
    )
    assert not is_held(tmp_path / "lock"), "nobody can hold it"


def test_a_lack_of_memory_is_the_machines() -> None:
    assert is_of_the_machine(MemoryError())
    assert in_words(MemoryError(), Path()).message == "the host has no memory left: Cannot allocate memory"
