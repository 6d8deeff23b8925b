"""The events of the ledger: what has happened, past tense, a closed union, readable for years.

Old ledgers load for ever: a field may be added with a default, never renamed, removed or given another meaning.
Money is in micro-dollars (`*_microusd`, whole numbers, rounded up); times are in the entry around an event.
"""

from dataclasses import dataclass, field
from typing import Literal

from harness.base.reason import Reason
from harness.core.item_rounds import ItemEnd, ReopenedKind, SourceRow
from harness.core.messages import Message, told
from harness.core.rejections import ItemError
from harness.core.run_events import (
    CancelAsked,
    FingerprintKept,
    HoldLifted,
    HoldPlaced,
    Paused,
    PilotJudged,
    PilotStarted,
    Resumed,
    RunEnded,
    RunStarted,
)
from harness.core.types import Json


@dataclass(frozen=True, slots=True)
class PlannedPhase:
    """One phase as it was planned; `from_phase` is 0 for the first."""

    number: int
    name: str
    noun: str
    from_phase: int
    needs: Literal["own", "earlier", "previous"]
    makes_items: bool
    batch_size: int
    selects: bool = False
    """Not all items that are made are worked on: batches are planned when the selection was made."""


@dataclass(frozen=True, slots=True)
class JobPlanned:
    """The first entry of a ledger. `source`: digest of the files that the items were read from; "" = not known.

    `settings`: of an instance (`--as NAME`), the `--set` that shape it, `vars.client=Acme`.
    """

    job: str
    noun: str
    rehearsal: bool
    version: str
    fingerprint: dict[str, str]
    phases: tuple[PlannedPhase, ...]
    items: int
    source: str = ""
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobExtended:
    """A person had new items of the `source` planned behind the `behind` that were there; their entries follow."""

    items: int
    behind: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """An item entered a phase. `place` sorts as text in item order; `root` is its first-phase item.

    `data` is empty where a phase keeps the items of the one before: the row is there. `sha` is the hash of the input
    row, empty after the first phase; `file` is relative to the job folder. `planned`: the batch of a given plan that it
    belongs to, from 1; 0 = batches are cut by size.
    """

    phase: int
    item: str
    parent: str | None
    root: str
    place: str
    number: int
    data: Json
    sha: str
    file: str | None = None
    planned: int = 0


@dataclass(frozen=True, slots=True)
class PaceGiven:
    """The accepted records of `item` hold a plan for `phase`, and it says how fast that may go; None = it does not."""

    phase: int
    item: str
    starts_per_minute: int | None
    at_once: int | None


@dataclass(frozen=True, slots=True)
class ItemBlocked:
    """An item cannot enter the phase because its predecessor failed."""

    phase: int
    item: str
    parent: str
    root: str
    place: str
    number: int
    reason: str = ""
    rejections: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemSkipped:
    """An item that was added is left out on purpose, by `select`: `why` and `facts` as in `planning.select`."""

    phase: int
    item: str
    why: str
    facts: dict[str, Json]


@dataclass(frozen=True, slots=True)
class SelectionMade:
    """So many items `of` those that could be had were selected; `categories` counts them, "" = without one."""

    phase: int
    chosen: int
    of: int
    categories: dict[str, int]


@dataclass(frozen=True, slots=True)
class BatchPlanned:
    """A batch and its members, for ever; its first group is queued with it. `late` = its item was retried by hand."""

    phase: int
    number: int
    part: int
    items: tuple[str, ...]
    group: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class BatchSettled:
    """Every item of batch `number` (all its parts) is settled. A batch without items settles as it is planned."""

    phase: int
    number: int


QueuedWhy = Literal["retry", "again", "repeated", "halved", "alone", "chosen", "reopened"]


@dataclass(frozen=True, slots=True)
class GroupQueued:
    """A group waits. `no_strike_retries` counts the faults that were taken as transient and cost it no strike;
    `last_no_strike` is the attempt of the last one. `suspected`: it alone broke down, so often that the next breakdown
    counts as its own (docs/decisions/0013). Older ledgers have other words for these: core.codec."""

    group: int
    phase: int
    number: int
    part: int
    items: tuple[str, ...]
    tries: int
    why: QueuedWhy
    no_strike_retries: int = 0
    last_no_strike: int | None = None
    suspected: bool = False


@dataclass(frozen=True, slots=True)
class GroupsChosen:
    """This run looks at some items only: all other queued groups are parked. None = all are looked at again."""

    groups: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """Committed before anything is spent. `lead`: others that are ready wait for its first response."""

    attempt: int
    token: str
    group: int
    phase: int
    number: int
    part: int
    items: tuple[str, ...]
    session_id: str
    backend: str
    model: str | None
    prompt_sha: str
    reserved_microusd: int
    folder: str
    lead: bool = False


@dataclass(frozen=True, slots=True)
class ItemAccepted:
    """The item is done: its records are `length_bytes` bytes at `offset` of the fragment `sha`.

    `rejudged`: the attempt ended long ago; later checks accept what it left. The item leaves the group it waits in.
    """

    attempt: int
    phase: int
    item: str
    sha: str
    offset: int
    length_bytes: int
    records: int
    rejudged: bool = False
    model: str = ""  # that answered, or the ones, in order; "" = not told here: the attempt's
    source: str = ""
    """The state folder beside ours that it was taken over from, as made there; `attempt` is 0 then. "" = made here."""
    source_attempt: int = 0
    made_at: str = ""


@dataclass(frozen=True, slots=True)
class ItemStruck:
    """A failure was counted against the item. `rejections`, here and below, say why; older ledgers have the rest."""

    attempt: int
    phase: int
    item: str
    reasons: tuple[str, ...] = ()
    errors: tuple[ItemError, ...] = ()
    rejections: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemReturned:
    """The item's records were rejected in a session that was cut short: reasons, no strike."""

    attempt: int
    phase: int
    item: str
    reasons: tuple[str, ...] = ()
    errors: tuple[ItemError, ...] = ()
    rejections: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemFailed:
    """The item ended without a record. `kind`: which end it was ("" = not recorded by older versions)."""

    attempt: int
    phase: int
    item: str
    reason: str = ""
    errors: tuple[ItemError, ...] = ()
    rejections: tuple[Reason, ...] = ()
    kind: ItemEnd | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class ItemReopened:
    """A person asked for a new round: strikes count from 0 again. What was withdrawn, or had not ended, waits already.

    `rejections` are for the next prompt, None = those it has; what was made of an older `row` is never judged again."""

    phase: int
    item: str
    who: str
    kind: ReopenedKind = "retry"
    why: str = ""
    rejections: tuple[Reason, ...] | None = None
    row: SourceRow | None = None


@dataclass(frozen=True, slots=True)
class ItemEdited:
    """Of older versions: a person gave a waiting item its row of today; now ItemReopened does."""

    phase: int
    item: str
    data: Json
    sha: str
    file: str | None
    who: str


@dataclass(frozen=True, slots=True)
class ItemWithdrawn:
    """A person takes back records: they leave the merge, not the store. ItemReopened or ItemRemoved follows."""

    attempt: int
    phase: int
    item: str
    sha: str
    offset: int
    length_bytes: int
    records: int
    who: str
    why: str
    reasons: tuple[str, ...] = ()
    rejections: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemRemoved:
    """An item was made from one that was withdrawn: it leaves its phase, and its queue, until it is made again."""

    phase: int
    item: str
    parent: str


@dataclass(frozen=True, slots=True)
class UsageSettled:
    """What an attempt cost; its reservation is released. Not `known`: the cost was not told, all of it was charged.

    The charge is never below what the session `told` nor what was `counted` of its requests (None = neither known).
    """

    attempt: int
    charged_microusd: int
    known: bool
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    turns: int
    told_microusd: int | None = None
    counted_microusd: int | None = None


Outcome = Literal["succeeded", "partial", "failed", "no_strike", "stopped"]
"""How an attempt counts: every item accepted; some came back; nothing usable; no-strike fault; set-up broken.

Older ledgers have other words: core.codec."""


@dataclass(frozen=True, slots=True)
class FrozenOutput:
    """One output file of an attempt, in the store under `sha`."""

    name: str
    sha: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """The last event of an attempt. `why`: of its fault, or the session's last words when there is none; `noted`: what
    was odd about it. `detail` and `notes` are the texts of older versions."""

    attempt: int
    outcome: Outcome
    fault: str | None
    blame: str | None
    detail: str
    duration_s: float
    session_id: str | None
    model: str | None
    cli_version: str | None
    outputs: tuple[FrozenOutput, ...] = ()
    invented: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    evidence: dict[str, Json] = field(default_factory=dict)
    noted: tuple[Message, ...] = ()
    why: tuple[Message, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """`why`, whatever version has written it."""
        return self.why or ((told(self.detail),) if self.detail else ())


@dataclass(frozen=True, slots=True)
class Merged:
    """The merge of a phase, committed before the rename; `target` is relative to the job folder, and `set_aside` the
    new name of what somebody had put or changed there. `reflects` is the newest acceptance that it surely holds."""

    phase: int
    target: str
    sha: str
    records: int
    reflects: int
    set_aside: str = ""


# fmt: off
Event = (
    JobPlanned | JobExtended | ItemAdded | PaceGiven | ItemBlocked | BatchPlanned | BatchSettled | GroupQueued
    | GroupsChosen | AttemptStarted | ItemAccepted | ItemStruck | ItemReturned | ItemFailed | ItemReopened | ItemEdited
    | ItemWithdrawn | ItemRemoved | ItemSkipped | SelectionMade
    | UsageSettled | HoldPlaced | HoldLifted | AttemptEnded | RunStarted | RunEnded
    | Paused | Resumed | CancelAsked | Merged | PilotStarted | PilotJudged | FingerprintKept
)
# fmt: on
