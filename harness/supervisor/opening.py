"""How a run opens its job: the ledger, the plan and the judge, in one call that reads much and blocks."""

from contextlib import ExitStack
from dataclasses import dataclass

from harness.base.artifacts import ArtifactStore
from harness.base.clock import Clock
from harness.evaluation.bounded import Bounded
from harness.job.job import Job
from harness.ledger.shared_holds import SharedHolds
from harness.ledger.store import Ledger
from harness.planning.job_plan import Agreed, plan_or_check
from harness.planning.output_targets import refuse_claimed_targets
from harness.planning.preconditions import Look
from harness.supervisor.duplicate_ids import DuplicateIds
from harness.supervisor.finished_job import at_rest
from harness.supervisor.held_state import open_ledger
from harness.supervisor.judgement import judge_of
from harness.supervisor.outcome import Finished
from harness.supervisor.run_context import JobContext
from harness.supervisor.run_options import RunOptions


@dataclass(frozen=True, slots=True)
class Opened:
    """A job that may run: planned now, or as it was planned."""

    context: JobContext
    agreed: Agreed
    shared_holds: SharedHolds | None


def opened(job: Job, options: RunOptions, bounded: Bounded, clock: Clock) -> Opened | Finished:
    """The job, or how it ended, where nothing is left to do. For the holder of its lock, and for a thread: it walks the
    ledger and reads all items.

    UsageError with all that keeps the job from starting, LedgerDamagedError.
    """
    with ExitStack() as undone:
        ledger = undone.enter_context(open_ledger(job, clock))
        refuse_claimed_targets(job, options.shared_state or job.state.parent / ".shared")
        agreed = plan_or_check(job, ledger, Look(clock.now(), bounded), options.again, options.choice)
        if agreed == Agreed() and not options.settle_only and (rest := at_rest(job, ledger, options.choice)):
            return rest
        context = context_of(job, ledger, bounded, clock, options.choice.until)
        undone.pop_all()
    credential, shared = options.credential, options.shared_state or job.state / "holds"
    return Opened(context, agreed, SharedHolds(shared, credential.fingerprint, job.name) if credential else None)


def context_of(job: Job, ledger: Ledger, bounded: Bounded, clock: Clock, until: str | None = None) -> JobContext:
    """What judges, settles and merges; `until`: the last phase, by name."""
    store = ArtifactStore(job.home.artifacts, ledger.contents)
    last = next((phase.number for phase in job.phases if phase.name == until), None)
    return JobContext(job, ledger, store, clock, judge_of(job, bounded), DuplicateIds(job, ledger), until=last)
