"""What a person chose for a run, as values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.backends.credentials import Supply
from harness.job.job import Job
from harness.planning.choice import Choice
from harness.planning.preconditions import Again
from harness.supervisor.outcome import Finished


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`credential` is None when no phase needs one."""

    credential: Supply | None
    choice: Choice = field(default_factory=Choice)
    again: Again = field(default_factory=Again)
    shared_state: Path | None = None
    """Folder of this user where jobs on the same credential see each other's holds; None = beside the job."""
    settle_only: bool = False
    """Settle what a lost run left open, bring the outputs up to date, and start nothing."""


Play = Callable[[Job, RunOptions], Finished]
"""Plays a job to its end with an event loop of its own, for callers that have none: `cli.run_to_end`."""
