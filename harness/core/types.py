"""The values that cross rooms: items, attempts, endings, faults, verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from harness.base.ids import AttemptId, ItemId, Sha
from harness.base.reason import Reason
from harness.core.fault_kinds import FaultKind
from harness.core.messages import Message
from harness.job.batch_plan import Pace

Json = Any
"""A JSON value: dict, list, str, int, float, bool or None; plain data, never an object with methods of ours."""

Blame = Literal["item", "session", "provider", "host", "config", "operator"]
"""Who is to blame for a fault; decides what it costs (core.settle)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One unit of the user's work. `data` is the row (always a dict; a bare value is `{"value": ...}`)."""

    id: ItemId
    data: Mapping[str, Json]
    file: Path | None = None
    """For an item that is a file: the original; it is copied read-only into `input/`."""
    records: tuple[Json, ...] = ()
    """In a phase with `from`: the accepted records of this item in that phase, or the record it was made of."""
    sha: str = ""
    """Of its input as it was planned (`core.input_hash.hash_of_input`), out of the ledger; empty for derived items."""
    planned: int = 0
    """The batch of a given plan that it belongs to, from 1; 0 = batches are cut by size."""


@dataclass(frozen=True, slots=True, order=True)
class BatchRef:
    """Names a batch. Labels are `7`, or `7.2` when batch 7 was cut into parts; part 0 = not cut."""

    phase: int
    number: int
    part: int = 0

    @property
    def label(self) -> str:
        return f"{self.number}.{self.part}" if self.part else str(self.number)


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch as a prompt sees it. `first` and `last` are positions in the phase, from 1; `size` counts the group."""

    number: int
    label: str
    first: int
    last: int
    size: int

    @classmethod
    def of(cls, batch: BatchRef, items: Sequence[Item], positions: tuple[int, int]) -> "BatchView":
        return cls(batch.number, batch.label, positions[0], positions[1], len(items))


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, as data."""

    kind: FaultKind
    blame: Blame
    why: tuple[Message, ...] = ()
    """By what it was known (a `SignKind`), and what was concluded (a `FindingKind`); no secrets."""
    until: datetime | None = None
    """For limits: when the provider says that it is over."""
    evidence: Mapping[str, Json] = field(default_factory=dict)
    """The structured fields it was read from, verbatim."""

    def because(self, found: Message) -> "Fault":
        """The same, with what was concluded about it."""
        return replace(self, why=(*self.why, found))


@dataclass(frozen=True, slots=True)
class Artifact:
    """One frozen output file: `name` relative to the work folder, content in the store under `sha`."""

    name: str
    sha: Sha
    size_bytes: int


@dataclass(frozen=True, slots=True)
class OutputFault:
    """Why a file of a session could not be taken; costs its items a strike."""

    name: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What one session told about itself. Nothing here decides whether an item is done."""

    session_id: str | None = None
    model: str | None = None
    """The model that answered, or the ones, in order; before any answer the one that the CLI is about to ask."""
    unasked: tuple[str, ...] = ()
    """Models that answered, or were switched to, and were neither asked for nor named."""
    is_set_up_unasked: bool = False
    """The very first answer was of such a model, and nothing was refused: any session here would meet it."""
    cli_version: str | None = None
    cost_usd: Decimal | None = None
    """None = not known; it is then charged as its reservation."""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    turns: int = 0
    said: str | None = None
    """Its last words, cut to 2,000 characters."""
    stop_reason: str | None = None
    denials: tuple[str, ...] = ()
    """Tools it was refused, `Bash` or `Write(/etc/x)`."""
    reached_model: bool = False
    """A first response came: the prefix is in the provider's cache now."""
    counted_usd: Decimal | None = None
    """What we counted ourselves, answers that broke off among it; None = not counted, or a model without a price."""
    broken_answers: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, with everything it left behind."""

    artifacts: tuple[Artifact, ...]
    output_faults: tuple[OutputFault, ...]
    fault: Fault | None
    """None = the session ended by itself (or was idle after its output was complete)."""
    facts: SessionFacts
    duration: timedelta
    notes: tuple[Message, ...] = ()
    """Of a `NoteKind` each, for the report."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Every record of the item passed every check. `records` are in their canonical form, in output order."""

    records: tuple[Json, ...]
    derived: Mapping[int, tuple[Item, ...]] = field(default_factory=dict)
    """Phase number -> the items that this phase makes out of these records."""
    paces: Mapping[int, Pace] = field(default_factory=dict)
    """Phase number -> how fast the plan in these records lets it go; only where the plan says so."""
    behind: Mapping[int, int] = field(default_factory=dict)
    """Phase number -> how many places are taken by what an earlier plan of this item has made, and is kept."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The item's records failed, or are not there (`missing`)."""

    reasons: tuple[Reason, ...]
    missing: bool = False


Verdict = Accepted | Rejected


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts on one attempt: exactly one for each item of its group."""

    verdicts: Mapping[ItemId, Verdict]
    usable: bool
    """Some expected item came back in a file that could be parsed."""
    invented: tuple[str, ...] = ()
    """Ids that nobody asked for; never merged."""
    notes: tuple[Message, ...] = ()
    """Of a `NoteKind` each, for the report."""
    broken_check: Fault | None = None
    """A check itself is broken (blame config): nothing may be concluded."""
    raised_check: Fault | None = None
    """A check raised on every record that it could have accepted, and no record is known on which it works."""

    def is_complete(self) -> bool:
        """Every item came back, and is good."""
        return self.broken_check is None and all(isinstance(each, Accepted) for each in self.verdicts.values())


SessionEventKind = Literal[
    "started", "responded", "tool", "tool_done", "text", "retrying", "limit", "output", "ended", "settled"
]
"""`settled` comes last, when what the attempt left is judged and committed."""


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """A sign of life while an attempt runs; for display, clocks and the lead, never for deciding what is done."""

    attempt: AttemptId
    kind: SessionEventKind
    text: str = ""
    until: datetime | None = None
    utilization: float | None = None
    """Of the plan's window, 0 to 1."""
    is_overage: bool = False
    """The plan is used up and paid overage is being used."""
    is_rejected: bool = False
    """The plan's limit has refused a request; what that means for others is known when the session has ended."""
