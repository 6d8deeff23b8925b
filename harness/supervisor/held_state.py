"""The state folder of a job, held by its lock for the length of a run, and its ledger opened."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from harness.base.artifacts import ArtifactStore
from harness.base.clock import Clock
from harness.base.errors import LedgerDamagedError, UsageError
from harness.base.files import remove_half_written
from harness.base.job_home import attempt_number
from harness.base.removal import remove_tree
from harness.job.job import Job
from harness.ledger import reserve_file, run_queries, spool
from harness.ledger.job_queries import name_of
from harness.ledger.lock import JobLock
from harness.ledger.loss import how_to_go_on, last_attempt_folder, refuse_lost
from harness.ledger.store import Ledger
from harness.planning.renamed import of_another_name
from harness.planning.state_folder import make_state_folder
from harness.supervisor.progress_paths import ProgressPaths


class HeldState:
    """The state folder for the length of a run: held by its lock, with nothing left of a run that was killed."""

    def __init__(self, job: Job, clock: Clock) -> None:
        self._job = job
        self._held = ExitStack()
        self.lock = JobLock(job.home.lock, clock)

    def __enter__(self) -> Self:
        """BrokenSetupError for a folder of another user, JobHeldError."""
        make_state_folder(self._job)
        with self._held:
            self._held.enter_context(self.lock)
            self._tidy()
            self._held = self._held.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._held.close()

    def _tidy(self) -> None:
        """Remove what a killed run left half done, and forget requests to stop it."""
        home, paths = self._job.home, ProgressPaths.of(self._job)
        spool.forget_cancels(home.control)
        ArtifactStore(home.artifacts).tidy()
        for written in (paths.progress, paths.errors, home.clean_shutdown):
            remove_half_written(written.parent, written.name)
        paths.leave_shared(self._job.name)
        for leftover in home.root.glob("preflight-*"):
            remove_tree(leftover)
        reserve_file.lay(home.reserve_file)


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
