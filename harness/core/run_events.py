"""The events of a run, of its gate, of its pilot and of what people ask of it; the others, and their rules, are in
core.events."""

from dataclasses import dataclass, field
from typing import Literal

from harness.core.messages import Message, message, told
from harness.job.change import Change


@dataclass(frozen=True, slots=True)
class RunStarted:
    """One life of the supervisor began."""

    pid: int
    host: str
    version: str
    parallel: int
    budget_microusd: int | None
    sandbox: str
    credential: str
    awake: str = ""
    """What keeps this machine from falling asleep, or why nothing does."""
    derived: dict[str, int] = field(default_factory=dict)
    """Versions of what the program derives from the manifest (`job.derived`); empty before there were any."""
    until: str = ""
    """The last phase of which this run starts anything; "" = of all."""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The supervisor stopped in order. A run without this entry was killed. `reason`: of older versions."""

    exit_code: int
    reason: str = ""
    why: Message | None = None

    @property
    def message(self) -> Message:
        return self.why or told(self.reason)


@dataclass(frozen=True, slots=True)
class Paused:
    """A person asked that nothing new starts."""

    who: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """A person asked to go on."""

    who: str


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """A person, or the deadline, asked the run to end; `now` = without grace. `grace_s` is what running sessions get
    from here. In entries of older versions, without `why`, the deadline is a `who`."""

    who: str
    now: bool
    grace_s: float | None = None
    why: Message | None = None

    @property
    def message(self) -> Message:
        return self.why or message("stopped_by", who=self.who)


@dataclass(frozen=True, slots=True)
class HoldPlaced:
    """No new start before `until` (ISO 8601, UTC). `reason` is the text of older versions."""

    attempt: int
    reason: str
    until: str
    why: Message | None = None

    @property
    def message(self) -> Message:
        return self.why or told(self.reason)


@dataclass(frozen=True, slots=True)
class HoldLifted:
    """The provider answered well again, or a person lifted the hold."""

    who: str


@dataclass(frozen=True, slots=True)
class PilotStarted:
    """These batches of the first phase run ahead of all others."""

    batches: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A bound with too little room: how many items will be left then, at least and at most. `limit` is in
    micro-dollars for the budget, else a count."""

    bound: Literal["budget", "sessions", "turns", "tokens"]
    limit: int
    left_low: int
    left_high: int


@dataclass(frozen=True, slots=True)
class PilotJudged:
    """What the pilot says: costs of the whole job, times of the rest. `unknown`: phases it did not reach; `plan_share`:
    what the rest would use of the plan's window; `left_*`: of the `open` items, at the run's `deadline` ("" = none);
    `shortfalls`: bounds that the rest will, or may, exceed; `short` are those of older versions, as sentences.
    `rehearsal`: it was played, so its costs and times foretell nothing."""

    is_good: bool
    accepted: int
    of: int
    cost_low_microusd: int
    cost_high_microusd: int
    seconds_low: float
    seconds_high: float
    unknown: tuple[str, ...]
    plan_share: float | None = None
    open: int = 0
    deadline: str = ""
    left_low: int = 0
    left_high: int = 0
    short: tuple[tuple[str, int, int], ...] = ()
    rehearsal: bool = False
    shortfalls: tuple[Shortfall, ...] = ()


@dataclass(frozen=True, slots=True)
class FingerprintKept:
    """A person said to go on with other shaping fields or items. `source`: digest of all items ("" = nobody was asked);
    `left_out`: how many are not planned; `rows`: edited or new item -> digest; "" -> `number:order` of the planned.

    `differences` are sentences: those of ledgers that were written before there were `changes`.
    """

    fingerprint: dict[str, str]
    differences: tuple[str, ...] = ()
    source: str = ""
    left_out: int = 0
    settings: tuple[str, ...] = ()
    rows: dict[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
