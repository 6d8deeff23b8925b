"""What every part of a supervisor works with."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.base.artifacts import ArtifactStore
from harness.base.clock import Clock
from harness.core.seam import Executor
from harness.core.types import Artifact, AttemptSpec, Json, Judgement, OutputFault
from harness.job.job import Job, PhaseSpec
from harness.ledger.store import Ledger

Judge = Callable[[AttemptSpec, Sequence[Artifact], Sequence[OutputFault]], Awaitable[Judgement]]
"""Judges what an attempt left behind; never raises for what a session wrote."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The job, its ledger and store, and the two doers: the executor and the judge."""

    job: Job
    ledger: Ledger
    store: ArtifactStore
    clock: Clock
    executor: Executor
    judge: Judge

    def phases_after(self, phase: int) -> tuple[PhaseSpec, ...]:
        """The phases that make their own items out of the records of `phase`."""
        return tuple(later for later in self.job.phases if later.from_ == phase and later.rows is not None)


def variables(job: Job) -> Mapping[str, Json]:
    """`vars` as prompts, checks and jq see them."""
    return job.vars
