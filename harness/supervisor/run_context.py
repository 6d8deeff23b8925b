"""What every part of a run, or of a review, works with: values only."""

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.backends.credentials import Supply
from harness.base.artifacts import ArtifactStore
from harness.base.clock import Clock
from harness.core.seam import Executor, Judge
from harness.job.job import Job
from harness.ledger.shared_holds import SharedHolds
from harness.ledger.store import Ledger
from harness.supervisor.duplicate_ids import DuplicateIds


@dataclass(frozen=True, slots=True)
class JobContext:
    """The job, its ledger and store, the judge, and what judgements are compared with: enough to judge, settle and
    merge, and nothing that could start a session."""

    job: Job
    ledger: Ledger
    store: ArtifactStore
    clock: Clock
    judge: Judge
    duplicate_ids: DuplicateIds
    until: int | None = field(default=None, kw_only=True)
    """The last phase of which anything is taken over, or starts; None = of all."""


@dataclass(frozen=True, slots=True)
class RunContext(JobContext):
    """With the executor, and what starts depend on."""

    executor: Executor
    shared_holds: SharedHolds | None = None
    """Holds that other jobs on the same credential see; None without a credential."""
    supply: Supply | None = None
    """What sessions authenticate with; starts wait while it is renewed."""
    stop_judging: Callable[[], None] | None = None
    """Ends judgements that are going on: they raise HaltedError, and so does every later one."""
