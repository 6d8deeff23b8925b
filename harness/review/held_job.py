"""A job held for a review: no supervisor runs, and nothing here could start a session."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace

from harness.base.clock import SystemClock
from harness.base.commands import command_at
from harness.base.errors import UsageError
from harness.base.host_errors import in_words, is_of_the_machine
from harness.core.run_events import FingerprintKept
from harness.evaluation.bounded import Bounded
from harness.executors.host import checks_alone
from harness.job.change import Way
from harness.job.fingerprint import Fingerprint, differences, fingerprint, fingerprint_like
from harness.job.job import Job
from harness.ledger.job_queries import recorded_fingerprint
from harness.ledger.lock import JobLock
from harness.ledger.store import Ledger
from harness.planning.changes import Changes, changed_items, refusal
from harness.sources.read import read
from harness.supervisor.held_state import open_ledger
from harness.supervisor.merger import Merger
from harness.supervisor.opening import context_of
from harness.supervisor.progress_paths import ProgressPaths
from harness.supervisor.progress_writer import ProgressWriter
from harness.supervisor.run_context import JobContext


@asynccontextmanager
async def held(job: Job, expected: re.Pattern[str]) -> AsyncIterator[tuple[JobContext, FingerprintKept | None]]:
    """The ledger under its lock, and what has changed since the job was planned, if it is what was expected."""
    clock = SystemClock()
    try:
        with JobLock(job.home.lock, clock), open_ledger(job, clock) as ledger:
            async with checks_alone(job) as bounded:
                run = context_of(job, ledger, bounded, clock)
                yield run, _as_expected(job, ledger, bounded, expected)
    except (OSError, sqlite3.DatabaseError) as error:
        if is_of_the_machine(error):
            raise in_words(error, job.state) from error
        raise


def _as_expected(job: Job, ledger: Ledger, bounded: Bounded, expected: re.Pattern[str]) -> FingerprintKept | None:
    recorded = recorded_fingerprint(ledger.db)
    now = fingerprint_like(recorded, job)

    def others(fields: Fingerprint) -> Fingerprint:
        return {name: value for name, value in fields.items() if not expected.fullmatch(name)}

    of_items = changed_items(job, ledger.db, read(job, bounded).items)  # new ones are none of those that this is about
    unexpected = Changes((*differences(others(recorded), others(now)), *of_items.others), of_items.edited)
    if unexpected.listed():
        way = Way("undo_or_keep", command_at(job.state, "launch", "--keep"))
        raise UsageError([replace(refusal(job, unexpected), ways=(way,))])
    changes = differences(recorded, now)
    return FingerprintKept(dict(fingerprint(job)), settings=job.settings, changes=tuple(changes)) if changes else None


async def bring_up_to_date(job: Job) -> None:
    """Write merged files and progress as the ledger has them, after a run that was killed. JobHeldError, UsageError."""
    clock = SystemClock()
    with JobLock(job.home.lock, clock), open_ledger(job, clock) as ledger, closing(Bounded()) as bounded:
        await write_outputs(context_of(job, ledger, bounded, clock))


async def write_outputs(run: JobContext) -> None:
    """Merged files and the progress file, as the ledger has them."""
    await Merger(run).merge_all()
    paths = ProgressPaths.of(run.job)
    ProgressWriter(paths.progress, run.ledger, run.clock, errors_path=paths.errors).write_now()
