"""Files that a job would write and that are somebody else's: refused before it is planned."""

from pathlib import Path

from harness.base.errors import Problem, UsageError
from harness.job.job import Job
from harness.ledger.merge_targets import Claims
from harness.outputs import merge as files


def refuse_foreign_targets(job: Job) -> None:
    """Before the first start: a merge target that this job did not write is not overwritten. UsageError names all."""
    problems = [
        Problem(
            str(phase.output.merge),
            "is there already, and this job did not write it",
            "move it away, or name another `output.merge`",
        )
        for phase in job.phases
        if phase.output.merge is not None and files.hash_of(phase.output.merge) is not None
    ]
    if problems:
        raise UsageError(problems)


def refuse_claimed_targets(job: Job, shared_state: Path) -> None:
    """Before anything is planned: UsageError for each target into which another job of this user merges."""
    if job.rehearsal:  # it merges into its own state folder
        return
    targets = list(job.written)
    problems = [
        Problem(
            str(conflict.target),
            f"{conflict.manifest}, {'which runs now' if conflict.is_running else 'another job'}, merges into it, too",
            "give each job an `output.merge` of its own"
            + ("" if conflict.is_running else "; if the other job is finished, moving the file away is enough"),
        )
        for conflict in Claims(shared_state).claim(job.state, job.manifest, targets)
    ]
    if problems:
        raise UsageError(problems)
