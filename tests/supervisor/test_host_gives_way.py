"""Laws of the end that the host forces on a run: recorded as far as the disk takes it, and without the items' fault."""

import asyncio
import errno
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.core.fault_kinds import FaultKind
from harness.core.messages import message
from harness.core.run_events import RunEnded
from harness.core.types import Artifact, Ending, SessionFacts
from harness.ledger import attempt_queries
from harness.ledger.lock import JobLock
from harness.ledger.store import entries
from harness.supervisor import lost_attempts, run
from harness.supervisor.inbox import Inbox
from harness.supervisor.lost_attempts import give_up
from harness.supervisor.merger import Merger
from harness.supervisor.outcome import Finished
from harness.supervisor.progress_paths import ProgressPaths
from harness.supervisor.run_context import RunContext
from tests.simulation.virtual import slowly
from tests.supervisor.conftest import MakeRun

BROKEN = message("host_error", detail="it gave way")


def _ended(context: RunContext) -> list[RunEnded]:
    return [entry.event for entry in entries(context.ledger.db) if isinstance(entry.event, RunEnded)]


def _full_disk_of_sqlite() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        _full_disk_of_sqlite(),
        RuntimeError("can't start new thread"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_run_that_the_host_ends_says_so_in_the_ledger(a_run: MakeRun, error: Exception) -> None:
    context = a_run()

    async def played() -> Finished:
        raise error

    async def watched(lock: JobLock) -> None:
        await run._watched(context, Inbox(), lock, played())

    with JobLock(context.job.home.lock, context.clock) as lock, pytest.raises(type(error)):
        asyncio.run(watched(lock))
    (ended,) = _ended(context)
    assert (ended.exit_code, ended.why and ended.why.kind) == (4, "host_error")


def test_what_a_session_left_is_given_up_where_the_disk_has_no_room_for_it(
    a_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, settled = a_run(), []
    left = Ending((Artifact("output.json", "0" * 64, 1),), (), None, SessionFacts(), timedelta(0))  # type: ignore[arg-type]  # a hash

    async def salvage(*_: Any) -> tuple[Any, Ending]:
        return None, left

    async def settle(_: RunContext, lost: Any, work: Any, ending: Ending) -> None:
        settled.append(ending)
        if ending.artifacts:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lost_attempts, "salvage", salvage)
    monkeypatch.setattr(lost_attempts, "judge_and_settle", settle)
    monkeypatch.setattr(attempt_queries, "unsettled", lambda db: [None])
    context.job.home.reserve_file.write_bytes(b"reserved")
    asyncio.run(give_up(context, Merger(context, slowly), BROKEN))
    assert [(ending.artifacts, ending.fault and ending.fault.kind) for ending in settled] == [
        (left.artifacts, None),
        ((), FaultKind.DISK),
    ]
    assert not context.job.home.reserve_file.exists(), "its room is for these entries"
    assert [ended.why for ended in _ended(context)] == [BROKEN]


def test_the_progress_file_lies_beside_the_manifest_unless_another_job_writes_there(a_run: MakeRun) -> None:
    job = a_run().job
    assert ProgressPaths.of(job).progress == job.folder / "batch_progress.json"
    assert ProgressPaths.of(replace(job, rehearsal=True)).progress.parent == job.state
    assert ProgressPaths.of(replace(job, instance="north")).progress.parent == job.state
    other: Path = job.state.parent / "other" / "ledger.db"
    other.parent.mkdir()
    other.touch()
    assert ProgressPaths.of(job).progress.parent == job.state
