"""The request log of a rehearsal: one line for every request, and the sums made over them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from harness.base.clock import from_text, to_text
from harness.core.faults import STATUS_OF_AN_UNTOLD_ITEM
from harness.rehearsal.injected_faults import INJECTED_FAULTS

Breakpoint = tuple[str, int, str]
"""`(hash of the prefix, its characters, "5m" or "1h")`: a cache entry that a request read, wrote or kept alive."""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as the server answered it. One JSON object on one line of requests.jsonl, keys as here."""

    number: int
    """Counts from 1 over all lives of the server."""
    time: datetime
    session: str | None
    """None when the caller named no session."""
    attempt: int | None
    phase: str
    batch: str
    ids: tuple[str, ...]
    turn: int
    stream: bool
    model: str
    tags: tuple[str, ...]
    """What `ask.count` counts: a fault's tag and name, a turn's tag."""
    fault: str | None
    """The fault that this request met."""
    status: int | None
    """None when no response was given at all."""
    stop: str | None
    usage: Mapping[str, Any] | None
    cost_usd: Decimal | None
    """None = the model has no price."""
    chars: int
    """Characters of the prompt: tools, system and messages."""
    cached_chars: int
    written_chars: int
    prompt_sha: str
    """Of the text of the user's prompt."""
    prefix_sha: str
    """Of tools and system, the part that sessions can share."""
    breakpoints: tuple[Breakpoint, ...] = ()
    until: float | None = None
    """For a usage limit: its reset, in seconds since 1970."""
    error: str | None = None
    """A fault of the scene: `scenes.py:12: ZeroDivisionError: ...`."""
    note: str | None = None
    """For a usage limit: which window is full. Else an oddity, such as an answer cut at max_tokens."""
    purpose: str = "work"
    """`search`: a web search of the session's; `page`: the reading of a page that it fetched."""
    about: str | None = None
    """What was searched for, or the beginning of what the page was asked."""

    def to_line(self) -> bytes:
        fields = asdict(self)
        fields["time"] = to_text(self.time)
        fields["cost_usd"] = None if self.cost_usd is None else str(self.cost_usd)
        return json.dumps(fields, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """ValueError, KeyError or TypeError when the line is none of ours."""
        fields = json.loads(line)
        if "trouble" in fields:  # as 0.1.0 wrote it
            fields["fault"] = fields.pop("trouble")
        fields["time"] = from_text(fields["time"])
        fields["cost_usd"] = None if fields["cost_usd"] is None else Decimal(fields["cost_usd"])
        for name in ("ids", "tags"):
            fields[name] = tuple(fields[name])
        fields["breakpoints"] = tuple((sha, chars, ttl) for sha, chars, ttl in fields["breakpoints"])
        return cls(**fields)


def read_log(path: Path) -> list[LoggedRequest]:
    """All requests in order; empty when there is no log. A line cut off by a kill is left out.

    A second line of the same number takes the place of the first: its caller left before the answer was whole.
    """
    if not path.exists():
        return []
    requests: dict[int, LoggedRequest] = {}
    with path.open("rb") as file:
        for line in file:
            try:
                request = LoggedRequest.from_line(line)
            except (ValueError, KeyError, TypeError):
                continue  # cut off by a kill: its request was never answered
            requests[request.number] = request
    return list(requests.values())


@dataclass(slots=True)
class ModelAccount:
    """Sums for one model. `cost_usd` is at list prices; `unpriced` requests are not in it."""

    requests: int = 0
    input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, request: LoggedRequest) -> None:
        usage = request.usage or {}
        self.requests += 1
        self.input_tokens += usage.get("input_tokens", 0)
        self.cache_read_input_tokens += usage.get("cache_read_input_tokens", 0)
        self.cache_creation_input_tokens += usage.get("cache_creation_input_tokens", 0)
        self.output_tokens += usage.get("output_tokens", 0)
        self.cost_usd += request.cost_usd or Decimal(0)
        self.unpriced += request.cost_usd is None


@dataclass(slots=True)
class Account:
    """What a rehearsal used, summed over its request log."""

    requests: int = 0
    sessions: int = 0
    cost_usd: Decimal = Decimal(0)
    by_model: dict[str, ModelAccount] = field(default_factory=dict)
    searches: int = 0
    pages: int = 0
    """Requests that WebFetch made about a page that it had fetched."""
    faults: dict[str, int] = field(default_factory=dict)
    """Fault -> how often it was met, in requests or in sessions, whichever it is counted by."""
    errors: tuple[str, ...] = ()
    """Faults of the scene, each once, in order."""
    untold: tuple[str, ...] = ()
    """What prompts did not tell, each once, in order."""


def _is_the_same_fault(request: LoggedRequest, met: set[tuple[str, str]]) -> bool:
    """One that is counted by sessions, and that this session has met before. Notes in `met` what was met."""
    kind, meeting = INJECTED_FAULTS.get(request.fault or ""), (request.fault or "", request.session or "")
    is_known = meeting in met
    met.add(meeting)
    return is_known and kind is not None and kind.counts == "sessions"


def account(path: Path) -> Account:
    """The sums over the log at `path`; all zero when there is none."""
    sums, sessions, errors, untold = Account(), set[str](), dict[str, None](), dict[str, None]()
    met: set[tuple[str, str]] = set()
    for request in read_log(path):
        sums.requests += 1
        sums.searches += request.purpose == "search"
        sums.pages += request.purpose == "page"
        if request.session:
            sessions.add(request.session)
        if request.fault and not _is_the_same_fault(request, met):
            sums.faults[request.fault] = sums.faults.get(request.fault, 0) + 1
        if request.error:
            (untold if request.status == STATUS_OF_AN_UNTOLD_ITEM else errors)[request.error] = None
        sums.by_model.setdefault(request.model, ModelAccount()).add(request)
    sums.sessions = len(sessions)
    sums.cost_usd = sum((model.cost_usd for model in sums.by_model.values()), Decimal(0))
    sums.errors, sums.untold = tuple(errors), tuple(untold)
    return sums
