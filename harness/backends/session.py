"""What every backend gives: one session that runs to its end, and what was seen of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from harness.backends.activity import Pulse
from harness.backends.credentials import Credential
from harness.backends.start_request import Starter
from harness.core.messages import Message
from harness.core.symptoms import Symptoms
from harness.core.types import SessionFacts
from harness.core.work import AttemptSpec

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

    @classmethod
    def of(cls, folder: Path) -> "Paths":
        """Those in the folder of an attempt."""
        return cls(
            work=folder / "work",
            config=folder / "config",
            prompt=folder / "prompt.md",
            stream=folder / "stream.jsonl",
            errors=folder / "stderr.log",
            tmp=folder / "tmp",
        )


@dataclass(frozen=True, slots=True)
class SessionStart:
    """All that a session is made of."""

    spec: AttemptSpec
    paths: Paths
    starter: Starter
    pulse: Pulse
    environ: Mapping[str, str]
    """The user's own, of which it gets what is named."""
    credential: Credential | None = None
    """None when its backend needs none, or it asks a cloud."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Variables of the user's that a program gets by name; their values are kept out of what is recorded."""


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

    def notes(self) -> tuple[Message, ...]: ...
