"""What one group is asked for, what one attempt at it is given, and what that leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from harness.base.ids import AttemptId, ItemId, Sha, Token
from harness.core.types import Artifact, BatchRef, BatchView, Item, Json, OutputFault
from harness.job.job import OutputSpec, PhaseSpec, SessionSpec


@dataclass(frozen=True, slots=True)
class Work:
    """All that a prompt and a judge need to know of one group: a function of the manifest, the ledger and the store."""

    phase: PhaseSpec
    batch: BatchRef
    items: tuple[Item, ...]
    positions: tuple[int, int] = (1, 1)
    """First and last position of the batch in its phase, from 1."""
    tries: int = 0
    """Earlier tries of this group."""
    reasons: Mapping[ItemId, Sequence[str]] = field(default_factory=dict)
    """Why the last try of each item was rejected."""
    context: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    """Phase name -> accepted records of exactly the batches waited for; empty unless a check or prompt uses it."""

    @property
    def output(self) -> OutputSpec:
        return self.phase.output

    @property
    def view(self) -> BatchView:
        """The batch as the prompt sees it."""
        return BatchView.of(self.batch, self.items, self.positions)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a session is told: `prompt` is the user's turn, `instructions` the appended system prompt; `sha` is the hash
    of both: two attempts with the same one were asked the same."""

    prompt: str
    instructions: str
    sha: Sha


@dataclass(frozen=True, slots=True)
class SessionCaps:
    """What one session may use at most; None = nothing caps it."""

    cost_usd: Decimal | None
    turns: int | None
    output_tokens: int
    """Of one response."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What distinguishes one attempt from all others; with its work, all that is needed to find what it left."""

    id: AttemptId
    token: Token
    session_id: str
    folder: Path


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """Everything that is needed to run one attempt at some work; summed up in the attempt's folder as spec.json."""

    identity: Identity
    work: Work
    rendered: Rendered
    caps: SessionCaps
    readable: tuple[Path, ...]
    rehearsal: bool

    @property
    def id(self) -> AttemptId:
        return self.identity.id

    @property
    def token(self) -> Token:
        return self.identity.token

    @property
    def session_id(self) -> str:
        return self.identity.session_id

    @property
    def folder(self) -> Path:
        return self.identity.folder

    @property
    def session(self) -> SessionSpec:
        return self.work.phase.session

    @property
    def output(self) -> OutputSpec:
        return self.work.phase.output

    @property
    def items(self) -> tuple[Item, ...]:
        return self.work.items


@dataclass(frozen=True, slots=True)
class Produced:
    """What an attempt has left to be judged: frozen files, what could not be taken, and its folder with the recorded
    stream (None = that is gone)."""

    artifacts: Sequence[Artifact]
    output_faults: Sequence[OutputFault] = ()
    folder: Path | None = None
