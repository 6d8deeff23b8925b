"""The one gate for all starts: how many may run, who goes ahead, and what keeps it closed until when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from harness.base.clock import to_text
from harness.core.fault_kinds import FaultKind
from harness.core.messages import Message, message
from harness.core.resets import told_reset
from harness.core.types import Fault, SessionEvent
from harness.job.bounds import Bounds

_FIRST_HOLD = timedelta(seconds=30)
_LONGEST_HOLD = timedelta(minutes=15)
_AFTER_RESET = timedelta(seconds=2)
_LONGEST_STATED = timedelta(days=8)
_STAGGER = timedelta(seconds=1)
LONGEST_WAIT = timedelta(hours=24)
"""Without a deadline nobody waits longer than this for a limit to end; the run stops with the date instead."""
CACHE_LIFE_S = 300.0
"""How long a prefix stays in the provider's cache after it was last used (5 minutes with an API key)."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate as one run remembers it. Holds live in the ledger, this does not: a new run starts with `probing`."""

    parallel: int
    allowed: int
    """Sessions that may run at once now; halves at a provider fault, doubles at a success."""
    probing: bool = False
    """After a hold: one start goes ahead until the provider answered it."""

    @staticmethod
    def of(parallel: int, *, probing: bool) -> "Gate":
        return Gate(parallel, 1 if probing else parallel, probing)

    def after_provider_fault(self) -> "Gate":
        return replace(self, allowed=max(1, self.allowed // 2), probing=True)

    def after_claim(self) -> "Gate":
        """A word that may be a tool's: one start goes ahead, and its answer tells."""
        return replace(self, probing=True)

    def after_answer(self) -> "Gate":
        """The provider answered a session."""
        return replace(self, probing=False) if self.probing else self

    def after_success(self) -> "Gate":
        """A session ended without a provider fault."""
        return replace(self, allowed=min(self.parallel, self.allowed * 2), probing=False)


def hold_until(fault: Fault, faults_in_a_row: int, now: datetime) -> datetime:
    """The end of the hold after a provider fault; the Nth in a row waits 30 s x 2^(N-1), at most 15 minutes.

    A stated reset is believed (plus two seconds) unless it lies in the past or more than eight days ahead. A usage
    limit that states none is believed what it says in words.
    """
    stated = fault.until or _told_in_words(fault, now)
    if stated is not None and now < stated <= now + _LONGEST_STATED:
        return stated + _AFTER_RESET
    doubled: timedelta = _FIRST_HOLD * (2 ** min(max(faults_in_a_row, 1) - 1, 10))
    return now + min(doubled, _LONGEST_HOLD)


def _told_in_words(fault: Fault, now: datetime) -> datetime | None:
    text = fault.evidence.get("text") if fault.kind == FaultKind.USAGE_LIMIT else None
    return told_reset(text, now) if isinstance(text, str) else None


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing starts before `until`."""

    until: datetime
    why: Literal["hold", "window", "rate", "stagger"]
    message: Message


@dataclass(frozen=True, slots=True)
class Passing:
    """What the gate looks at besides its own state. `starts`: the last starts, oldest first."""

    bounds: Bounds
    hold: tuple[datetime, Message] | None
    starts: Sequence[datetime]
    is_ramping: bool
    deadline: datetime | None


def closed(passing: Passing, now: datetime) -> Closed | None:
    """What keeps the gate closed the longest, or None when it is open."""
    bounds, starts = passing.bounds, passing.starts
    closings: list[Closed] = []
    if passing.hold is not None and now < passing.hold[0]:
        closings.append(Closed(passing.hold[0], "hold", passing.hold[1]))
    if bounds.window is not None and (opens := bounds.window.opens(now)):
        closings.append(Closed(opens, "window", message("outside_window", window=bounds.window.in_words())))
    if bounds.rate is not None and (opens := bounds.rate.opens(starts, now)):
        closings.append(Closed(opens, "rate", message("at_rate", rate=bounds.rate.in_words())))
    if passing.is_ramping and starts and starts[-1] <= now < starts[-1] + _STAGGER:
        closings.append(Closed(starts[-1] + _STAGGER, "stagger", message("staggered")))
    return max(closings, key=lambda closing: closing.until, default=None)


def too_long(closing: Closed, deadline: datetime | None, now: datetime) -> Message | None:
    """Why it makes no sense to wait for the gate to open: it opens after the deadline, or more than a day ahead."""
    because, opens = closing.message.as_json(), to_text(closing.until)
    if deadline is not None and closing.until >= deadline:
        return message("opens_after_deadline", because=because, opens=opens, deadline=to_text(deadline))
    if deadline is None and closing.until - now > LONGEST_WAIT:
        return message("opens_too_late", because=because, opens=opens)
    return None


def held_back(bounds: Bounds, event: SessionEvent) -> tuple[datetime, Message] | None:
    """The hold that a plan's usage asks for: the reserve of `stop_at` is reached, or paid overage has begun."""
    if event.until is None:
        return None
    if event.is_overage and bounds.overage == "stop":
        return event.until + _AFTER_RESET, message("plan_used_up")
    if bounds.stop_at is not None and event.utilization is not None and event.utilization >= bounds.stop_at:
        return event.until + _AFTER_RESET, message("plan_reserve", used=event.utilization, stop_at=bounds.stop_at)
    return None
