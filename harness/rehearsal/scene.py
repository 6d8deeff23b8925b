"""What a scene is written with: the question a session asks, and the answers a scene may give.

A scene is a Python file with one function. It stands in for the model: everything else of a rehearsal is real.

    from harness.rehearsal.scene import Ask, Records, Reply, Text, Tool, InjectedFault, Turn

    def scene(ask: Ask) -> Reply:
        good = Records([{"id": id, "mood": ask.rng_of(id).choice(["glad", "sad"])} for id in ask.ids])
        if "S0007" in ask.ids and ask.tries == 0:
            return InjectedFault("missing_item", then=good, item="S0007")   # once; the retry is answered in full
        return good

It runs inside the rehearsal server, for every request that a session makes, and must be a pure function of `ask`:
whatever it has to remember it reads with `ask.count`, so that a killed server or job continues where it was. The
answer for one item should not depend on which items it came with, or on the attempt (`ask.rng_of(id)`, not `random`).
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, Protocol

from harness.rehearsal.injected_faults import INJECTED_FAULTS, closest
from harness.samples.seed import rng_of

StopReason = Literal["tool_use", "end_turn", "refusal", "max_tokens"]


class RequestCounts(Protocol):
    """What the request log says about the requests before this one."""

    def count(self, name: str, match: Mapping[str, object]) -> int: ...


@dataclass(frozen=True)
class Ask:
    """One request of one session, and the attempt it belongs to."""

    phase: str
    batch: str
    """The label: `7`, or `7.2` for a part of batch 7."""
    items: list[dict[str, Any]]
    """`{"id", "data", "file", "records"}` each, in order. Of these, and of vars and context, there is what the request
    tells (docs/rehearsal.md); to look up the rest raises UntoldError, unless the job says `strict: false`."""
    ids: list[str]
    tries: int
    """Earlier tries of this group."""
    attempt: int
    reasons: dict[str, list[str]]
    """Item id -> why its last try was rejected."""
    vars: dict[str, Any]
    output: dict[str, Any]
    """`{"file", "shape", "key", "item", "schema"}`: what the job asks for."""
    context: dict[str, Any]
    """Phase name -> accepted records of the batches that this one waited for."""
    cwd: str
    """The work folder as the session sees it; the output file goes here."""
    turn: int
    """Assistant messages so far in this conversation."""
    prompt: str
    """The text of the user's prompt."""
    tool_results: list[str]
    """Texts of all tool results so far, oldest first."""
    seed: int
    session: str = ""
    model: str = ""
    tools: list[str] = field(default_factory=list)
    """Names of the tools that the request offers."""
    history: RequestCounts | None = field(default=None, repr=False, compare=False)
    rng: random.Random = field(init=False, repr=False, compare=False)
    """Seeded by seed, phase, batch and ids: the same for every attempt at the same group."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rng", rng_of(self.seed, self.phase, "batch", self.batch, *self.ids))

    def rng_of(self, id_: str) -> random.Random:
        """A new generator seeded by seed, phase and item: the same whatever group the item is in."""
        return rng_of(self.seed, self.phase, "item", id_)

    def count(self, name: str, **match: object) -> int:
        """How many requests before this one were tagged `name` (a tag of ours, or a fault's name).

        `match` narrows it: phase, batch, attempt, session, and `id` for requests whose group had that item.
        """
        return self.history.count(name, match) if self.history else 0


@dataclass(frozen=True, slots=True)
class Text:
    """Something the model says."""

    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool call, `Tool("Read", {"file_path": f"{ask.cwd}/input/a.pdf"})`."""

    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model, exactly. `stop` may be left out: it follows from the blocks."""

    blocks: Sequence[Text | Tool]
    stop: StopReason | None = None
    tag: str | None = None
    """A name to count this request by, later (`ask.count`)."""
    cost: float | Decimal | None = None
    """Dollars this answer shall cost: output tokens are raised until it does. Never lowered."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the rehearsal's web (docs/rehearsal.md). With a `location` and status 301 or 302 it leads elsewhere."""

    text: str = ""
    status: int = 200
    type: str = "text/html; charset=utf-8"
    location: str | None = None

    def __post_init__(self) -> None:
        if self.location is not None and self.status == 200:
            object.__setattr__(self, "status", 301)
        if not 200 <= self.status <= 599:
            raise ValueError(f"status: expected 200 to 599, got {self.status}")


@dataclass(frozen=True, slots=True)
class Records:
    """The whole work of a session: writes the output file in the shape that the job asks for, then says done.

    Returned for every request of the session, it knows how far it is: it writes when the session has not written the
    output yet, whatever it did before, and says done when it has.
    array: a list of records. object: a list (keyed by `key`), or the object itself. one: the record, or a list of
    one. files: id -> text (or a JSON value), a list in the order of `ask.ids`, or a list of {"id", "text"}.
    """

    records: Sequence[Any] | Mapping[str, Any]
    notes: str | None = None
    """What the session says at its end."""
    fetch: Sequence[str] | None = None
    """Pages that it fetches first; None = those that the records name where the job asks for `evidence`."""


@dataclass(frozen=True, slots=True, init=False)
class InjectedFault:
    """A named fault (`harness.rehearsal.injected_faults`), so many `times`; afterwards, and underneath, `then`.

    `times=None` never heals. Counted by `tag`, by default the name with phase, batch and ids. Without `then` the
    answer is what a rehearsal without a scene would say. Unknown names and parameters raise ValueError.
    """

    name: str
    times: int | None
    tag: str | None
    then: "Reply | None"
    params: Mapping[str, Any]

    def __init__(
        self,
        name: str,
        times: int | None = 1,
        tag: str | None = None,
        then: "Reply | None" = None,
        **params: Any,
    ) -> None:
        kind = INJECTED_FAULTS.get(name)
        if kind is None:
            meant = closest(name, INJECTED_FAULTS)
            raise ValueError(f"unknown fault {name!r}" + (f", did you mean {meant!r}?" if meant else ""))
        for param in params:
            if param not in kind.params:
                allowed = ", ".join(kind.params) or "none"
                raise ValueError(f"fault {name!r} has no parameter {param!r}; it takes: {allowed}")
        put: Callable[[str, object], None] = lambda field_name, value: object.__setattr__(self, field_name, value)  # noqa: E731
        put("name", name)
        put("times", times)
        put("tag", tag)
        put("then", then)
        put("params", MappingProxyType({**kind.params, **params}))


Reply = Records | Turn | InjectedFault
"""What a scene returns."""


def __getattr__(name: str) -> type[InjectedFault]:
    """`Trouble` is what scenes of 0.1.0 import."""
    if name == "Trouble":
        return InjectedFault
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
