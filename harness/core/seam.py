"""The one seam between deciding and doing: what the supervisor asks of an executor."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from harness.base.ids import Token
from harness.core.types import Ending, SessionEvent
from harness.core.work import AttemptSpec


class Executor(Protocol):
    """Runs attempts: folder, containment, session, watch and freeze lie behind it. A cluster replaces this alone."""

    async def run(self, spec: AttemptSpec, on_event: Callable[[SessionEvent], None]) -> Ending:
        """Run one attempt to its end; everything it left is frozen and durable in the store when this returns.

        Never raises for what a session does. Cancellation ends the session and all its processes first.
        """
        ...

    async def interrupt(self, token: Token, *, hard: bool = False) -> None:
        """Ask a running attempt to end soon (`hard`: at once). Unknown tokens are no error."""
        ...

    async def salvage(self, spec: AttemptSpec) -> Ending:
        """The ending of an attempt whose supervisor was lost: leftovers are ended, its folder is frozen."""
        ...

    async def sweep(self) -> int:
        """End every process that a lost supervisor of this job left behind; returns how many there were."""
        ...

    def work_path(self, folder: Path) -> str:
        """The work folder of the attempt folder `folder`, as the session sees it."""
        ...
