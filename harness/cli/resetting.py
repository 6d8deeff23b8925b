"""Starting anew: ledger, attempts and merged outputs of a job move to a backup folder."""

from harness.base.clock import SystemClock
from harness.base.errors import JobHeldError
from harness.base.texts import shown
from harness.cli.preview import read_items
from harness.cli.printing import say
from harness.job.job import Job
from harness.ledger.lock import JobLock, is_held
from harness.supervisor.opening import backup, make_state_folder


def reset_now(job: Job) -> None:
    """Move everything to a backup, unless there is nothing. UsageError when the job could not start anew."""
    if not any(job.state.glob("ledger.db")) and not any(job.state.glob("attempts/*")):
        return
    read_items(job)
    clock = SystemClock()
    make_state_folder(job)
    with JobLock(job.state / "lock", clock):
        folder = backup(job, clock.now().strftime("%Y%m%dT%H%M%SZ"))
    say(f"moved what was there to {shown(folder)}")


def refuse_if_held(job: Job) -> None:
    """JobHeldError when a supervisor holds the job, before anything is started for it."""
    if is_held(job.state / "lock"):
        raise JobHeldError(
            "another supervisor holds this job",
            hint="`harness status` shows what it does, `harness cancel` ends it",
        )
