"""How a run opens its job: the ledger, the plan and the judge, in one call that reads much and blocks."""

from contextlib import ExitStack
from dataclasses import dataclass

from harness.base.clock import Clock
from harness.core.seam import Judge
from harness.evaluation.bounded import Bounded
from harness.job.job import Job
from harness.ledger.store import Ledger
from harness.planning.job_plan import Agreed, plan_or_check
from harness.planning.output_targets import refuse_claimed_targets
from harness.planning.preconditions import Look
from harness.supervisor.finished_job import at_rest
from harness.supervisor.held_state import open_ledger
from harness.supervisor.judgement import judge_of
from harness.supervisor.outcome import Finished
from harness.supervisor.run_options import RunOptions


@dataclass(frozen=True, slots=True)
class Opened:
    """A job that may run: planned now, or as it was planned."""

    ledger: Ledger
    agreed: Agreed
    judge: Judge


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
        found = Opened(ledger, agreed, judge_of(job, bounded))
        undone.pop_all()
    return found
