"""The state folder of a job and its ledger, for the holder of its lock."""

from harness.base.clock import Clock
from harness.base.errors import LedgerDamagedError, UsageError
from harness.base.files import make_folder, refuse_shared, write_private
from harness.base.job_home import attempt_number
from harness.job.job import Job
from harness.ledger import run_queries
from harness.ledger.job_queries import name_of
from harness.ledger.loss import how_to_go_on, last_attempt_folder, refuse_lost
from harness.ledger.store import Ledger
from harness.planning.renamed import of_another_name


def make_state_folder(job: Job) -> None:
    """The folders of a job, private. BrokenSetupError for one that was there and belongs to another user."""
    for folder in (job.state, *job.home.folders):
        make_folder(folder)
    for folder in (job.state.parent, job.state, *job.home.folders):
        refuse_shared(folder)
    ignored = job.state.parent / ".gitignore"
    if not (ignored.exists() and ignored.stat().st_size):  # a job in git is its manifest, not gigabytes of attempts
        write_private(ignored, b"*\n")


def open_ledger(job: Job, clock: Clock) -> Ledger:
    """The job's ledger, for the holder of its lock.

    UsageError when it belongs to a job of another name, LedgerDamagedError when it is lost, or older than the attempts.
    """
    path = job.home.ledger
    refuse_lost(job.state)
    last = last_attempt_folder(job.state)
    ledger = Ledger.open(path, clock)
    known = run_queries.run_state(ledger.db).next_attempt if ledger.is_planned() else 0
    if last is not None and (attempt_number(last.name) or 0) >= known:
        ledger.close()
        message = f"{path} is older than {last}, of which it knows nothing"
        raise LedgerDamagedError(message, hint=how_to_go_on(job.state))
    if ledger.is_planned():
        name = name_of(ledger.db)
        if name != job.name:
            ledger.close()
            raise UsageError([of_another_name(job, name)])
    return ledger
