"""What a run finds in its folders, and what it leaves when the machine gives way under it."""

import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness.base import error_file
from harness.base.artifacts import ArtifactStore
from harness.base.errors import BrokenSetupError, HarnessError
from harness.base.files import remove_half_written
from harness.base.host_errors import number_of
from harness.base.instances import origin_of
from harness.base.job_home import LEDGER
from harness.base.removal import remove_tree
from harness.core.faults import classify
from harness.core.messages import Message
from harness.core.run_events import RunEnded
from harness.core.symptoms import Symptoms
from harness.job.job import Job
from harness.ledger import attempt_queries, progress_file, reserve_file
from harness.supervisor.attempt import judge_and_settle, salvage
from harness.supervisor.merger import Merger
from harness.supervisor.run_context import RunContext

PROGRESS = "batch_progress.json"


def progress_path(job: Job) -> Path:
    """Where batch_progress.json lies: beside the manifest; with the state of a rehearsal or an instance, or where
    another manifest of the folder has a ledger, too, so that the two do not write one file in turn."""
    is_apart = job.rehearsal or job.instance is not None or _has_neighbor(job)
    return (job.state if is_apart else job.folder) / PROGRESS


def errors_path(job: Job) -> Path:
    """Where errors.jsonl lies: beside the progress, unless that is where this job merges to."""
    beside = progress_path(job).with_name(error_file.NAME)
    return job.state / error_file.NAME if any(phase.output.merge == beside for phase in job.phases) else beside


def _has_neighbor(job: Job) -> bool:
    others = (path.parent for path in job.state.parent.glob(f"*/{LEDGER}") if path.parent.name != job.state.name)
    return any("." not in other.name.removeprefix(job.state.name) for other in others if not origin_of(other).instance)


def leave_shared_progress(job: Job) -> None:
    """This job's file moves out of a folder that another manifest has begun to share; that of another job stays."""
    beside = job.folder / PROGRESS
    if progress_path(job) != beside and progress_file.is_of(beside, job.name):
        beside.unlink(missing_ok=True)
        if error_file.is_ours(errors := job.folder / error_file.NAME):
            errors.unlink(missing_ok=True)


def tidy(job: Job) -> None:
    """Remove what a killed run left half done; only for the holder of the job's lock."""
    ArtifactStore(job.home.artifacts).tidy()
    for written in (progress_path(job), errors_path(job)):
        remove_half_written(written.parent, written.name)
    remove_half_written(job.state, job.home.clean_shutdown.name)
    leave_shared_progress(job)
    for leftover in job.state.glob("preflight-*"):
        remove_tree(leftover)


def reserve_path(job: Job) -> Path:
    return job.home.reserve_file


async def give_up(run: RunContext, merger: Merger, why: Message) -> None:
    """Let go of the reserve file, settle every open attempt, merge, and record that the run ended with exit code 4.

    As far as the disk takes it: what cannot be recorded now is settled at the next start. The sessions have ended.
    """
    reserve_file.let_go(reserve_path(run.job))
    with suppress(OSError, sqlite3.OperationalError):
        for lost in attempt_queries.unsettled(run.ledger.db):
            spec, ending = await salvage(run, lost)
            try:
                await judge_and_settle(run, spec, ending)
            except (OSError, sqlite3.OperationalError) as error:  # no room for what it left: it goes again
                run.ledger.contents.forget()
                fault = classify(Symptoms(errno=number_of(error)))
                nothing = replace(ending, artifacts=(), output_faults=(), fault=fault)
                await judge_and_settle(run, spec, nothing)
        with suppress(OSError, HarnessError):
            await merger.merge_all()
        run.ledger.record(RunEnded(BrokenSetupError.exit_code, why=why))
