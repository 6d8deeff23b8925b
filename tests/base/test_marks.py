"""Laws of marks: what carries one is found wherever it went, and nothing else is."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from harness.base.ending import end_found
from harness.base.marks import RUN_MARK, STATE_MARK, TOKEN_MARK, lock_limit, marked, of_job, state_digest
from tests.base.family import tree


@pytest.mark.linux
def test_marked_processes_are_found_whatever_they_did_with_their_environment(tmp_path: Path) -> None:
    marks = {STATE_MARK: state_digest(tmp_path), RUN_MARK: "tonight", TOKEN_MARK: str(tmp_path)}
    limit = "ulimit -w $1 2>/dev/null || ulimit -x $1; exec env -i sleep 3600"
    program = subprocess.Popen(["/bin/sh", "-c", limit, "sh", str(lock_limit(marks))])
    while Path(f"/proc/{program.pid}/comm").read_text() != "sleep\n":
        os.sched_yield()
    assert Path(f"/proc/{program.pid}/environ").read_bytes() == b""
    assert marked(TOKEN_MARK, str(tmp_path)) == of_job(tmp_path) == [program.pid]
    assert marked(RUN_MARK, "tonight") == [program.pid]
    assert marked(RUN_MARK, "another") == marked(TOKEN_MARK, "another") == of_job(tmp_path / "other") == []
    assert asyncio.run(end_found(lambda: of_job(tmp_path), 0)) == 1
    assert of_job(tmp_path) == []
    program.wait()


def test_marked_processes_are_found_wherever_they_went() -> None:
    leader = tree(HARNESS_TOKEN="feed")
    found = marked("HARNESS_TOKEN", "feed")
    assert len(found) == 3
    assert marked("HARNESS_TOKEN", "fee") == []
    assert asyncio.run(end_found(lambda: marked("HARNESS_TOKEN", "feed"), 0)) == 3
    assert marked("HARNESS_TOKEN", "feed") == []
    leader.wait()


def test_the_same_state_has_the_same_digest_by_any_path(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert state_digest(tmp_path / "link" / "x") == state_digest(tmp_path / "x")
    assert state_digest(tmp_path / "x") != state_digest(tmp_path / "y")
