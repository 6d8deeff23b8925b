"""What every part of one run works with: values only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from harness.backends.credentials import Supply
from harness.base.artifacts import ArtifactStore
from harness.base.clock import Clock
from harness.core.seam import Executor
from harness.core.types import Judgement
from harness.core.work import Produced, Work
from harness.job.job import Job
from harness.ledger.shared_holds import SharedHolds
from harness.ledger.store import Ledger
from harness.supervisor.duplicate_ids import DuplicateIds

Judge = Callable[[Work, Produced], Awaitable[Judgement]]
"""Judges what an attempt left behind; never raises for what a session wrote."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """The job, its ledger and store, the executor, the judge, and what judgements are compared with."""

    job: Job
    ledger: Ledger
    store: ArtifactStore
    clock: Clock
    executor: Executor
    judge: Judge
    duplicate_ids: DuplicateIds
    shared_holds: SharedHolds | None = None
    """Holds that other jobs on the same credential see; None without a credential."""
    supply: Supply | None = None
    """What sessions authenticate with; starts wait while it is renewed."""
    stop_judging: Callable[[], None] | None = None
    """Ends judgements that are going on: they raise HaltedError, and so does every later one."""
    until: int | None = None
    """The last phase of which anything starts in this run; None = of all."""
