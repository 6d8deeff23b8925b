"""This machine for the length of a run or of a review: guarded, its sandbox proven, and bounded children for checks."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial

from harness.backends.credentials import Supply
from harness.base.artifacts import ArtifactStore
from harness.base.clock import Clock
from harness.base.marks import RUN_MARK, STATE_MARK, lock_limit, marked, of_job, state_digest
from harness.base.termination import end_found
from harness.core.seam import Judge
from harness.evaluation.bounded import Bounded
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.check_bubblewrap import JobSandboxes, sandboxes_of
from harness.executors.containment import choose_sandboxes
from harness.executors.guardian import Guardian
from harness.executors.keep_awake import Awake
from harness.executors.local import LocalExecutor
from harness.executors.preflight import preflight
from harness.executors.retention import Keeping
from harness.executors.running_attempt import Tools
from harness.executors.sandbox import Containment
from harness.job.job import Job
from harness.job.key_values import keys_of


@dataclass(frozen=True, slots=True)
class Host:
    """What a run has of this machine."""

    job: Job
    containment: Containment
    guardian: Guardian
    bounded: Bounded
    """The children that run the job's checks."""
    kept_awake: str
    """What keeps it awake, or why nothing does."""

    def executor(self, store: ArtifactStore, clock: Clock, judge: Judge, credential: Supply | None) -> LocalExecutor:
        """Runs the job's attempts here."""
        keeping = Keeping(self.job.home.attempts, partial(AttemptFolder.of, self.job))
        return LocalExecutor(
            job=self.job,
            tools=Tools(store, clock, judge, keeping=keeping),
            containment=self.containment,
            guardian=self.guardian,
            credential=credential,
        )


@asynccontextmanager
async def host_of_run(job: Job, containment: Containment) -> AsyncIterator[Host]:
    """For the holder of the job's lock. BrokenSetupError when the sandbox does not hold."""
    sandboxes = sandboxes_of(containment, job)
    with Awake("a job is running") as awake, Guardian() as guardian:
        await preflight(containment, job, guardian)
        async with _checking(job, guardian, sandboxes, lambda: of_job(job.state)) as bounded:
            yield Host(job, containment, guardian, bounded, awake.describe())


@asynccontextmanager
async def checks_alone(job: Job) -> AsyncIterator[Bounded]:
    """The same children where no session runs: in the same sandboxes, and ended with this process."""
    with Guardian() as guardian:
        guardian.stand()
        of_run = guardian.mark[RUN_MARK]
        async with _checking(job, guardian, choose_sandboxes(job), lambda: marked(RUN_MARK, of_run)) as bounded:
            yield bounded


@asynccontextmanager
async def _checking(
    job: Job, guardian: Guardian, sandboxes: JobSandboxes | None, left_behind: Callable[[], list[int]]
) -> AsyncIterator[Bounded]:
    keys, marks = keys_of(job), {STATE_MARK: state_digest(job.state), **guardian.mark}
    try:
        with closing(Bounded(lock_limit=lock_limit(marks), sandboxes=sandboxes, variables=keys)) as bounded:
            yield bounded
    finally:
        await end_found(left_behind, 0)
