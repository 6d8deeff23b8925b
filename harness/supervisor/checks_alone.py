"""The children that run a job's checks where no session runs: in the same sandboxes, and ended with this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from harness.base.marks import RUN_MARK, STATE_MARK, lock_limit, marked, state_digest
from harness.base.termination import end_found
from harness.evaluation.bounded import Bounded
from harness.executors.containment import choose_sandboxes
from harness.executors.guardian import Guardian
from harness.job.job import Job
from harness.supervisor.key_values import keys_of


@asynccontextmanager
async def checks_alone(job: Job) -> AsyncIterator[Bounded]:
    """For checks; what their programs leave behind is ended, also when this process is killed."""
    with Guardian() as guardian:
        guardian.stand()
        try:
            marks = {STATE_MARK: state_digest(job.state), **guardian.mark}
            children = Bounded(lock_limit=lock_limit(marks), sandboxes=choose_sandboxes(job), variables=keys_of(job))
            with closing(children) as bounded:
                yield bounded
        finally:
            await end_found(lambda: marked(RUN_MARK, guardian.mark[RUN_MARK]), 0)
