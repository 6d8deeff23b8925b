"""What every part of one run works with: values only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from harness.backends.credentials import Supply
from harness.base.artifacts import ArtifactStore
from harness.base.clock import Clock
from harness.core.messages import Message
from harness.core.seam import Executor
from harness.core.types import Judgement
from harness.core.work import Produced, Work
from harness.job.job import Job
from harness.ledger import run_queries
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

    def hold(self, own: tuple[datetime, Message] | None, now: datetime) -> tuple[datetime, Message] | None:
        """The latest of this job's hold, one that another job on the same credential has met, and a renewal of that."""
        shared = self.shared_holds.current(now) if self.shared_holds else None
        renewal = self.supply.hold(now) if self.supply else None
        return max((hold for hold in (own, shared, renewal) if hold), key=lambda hold: hold[0], default=None)

    def share_hold(self) -> None:
        """Other jobs on the same credential are held by this job's hold too."""
        hold = run_queries.run_state(self.ledger.db).hold
        if self.shared_holds is not None and hold is not None:
            self.shared_holds.place(*hold)
