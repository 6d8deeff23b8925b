"""What every backend gives: one session that runs to its end, and what was seen of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from harness.core.symptoms import Symptoms
from harness.core.types import SessionFacts

MOST_COST_USD: Final = 1_000_000
"""What claims to have cost more is no cost."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a session's files are on this machine."""

    work: Path
    config: Path
    prompt: Path
    stream: Path
    errors: Path
    tmp: Path


class Session(Protocol):
    """One session. Whatever goes wrong inside becomes symptoms; only cancellation passes through."""

    async def run(self) -> None:
        """Start it and wait until its process is gone; what it printed is on disk then."""
        ...

    async def interrupt(self) -> None:
        """Ask it to stop what it is doing; returns at once or within a few seconds, before `run` does."""
        ...

    def facts(self) -> SessionFacts: ...

    def symptoms(self) -> Symptoms: ...

    def notes(self) -> tuple[str, ...]: ...
