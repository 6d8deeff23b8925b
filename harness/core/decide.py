"""What to do next: a pure function of a small snapshot."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from harness.base.ids import GroupId
from harness.core.gate import Closed
from harness.core.messages import Message, message


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the next step depends on; its size does not grow with the job."""

    next_group: GroupId | None
    """The first ready group in the order (tries, batch, phase): a batch is finished before the next one begins."""
    reservation_microusd: int
    """What a start of that group would reserve."""
    needs_lead: bool
    """Its prefix is not in the cache, or the gate is probing."""
    lead_in_flight: bool
    running: int
    allowed: int
    """Sessions that the gate lets run at once."""
    closed: Closed | None
    """What keeps the gate closed, and until when."""
    hopeless: Message | None
    """Why it makes no sense to wait until then."""
    cap_reached: Message | None
    """The cap that another session would go beyond."""
    paused: bool
    spent_microusd: int
    reserved_microusd: int
    budget_microusd: int | None
    stop: "Stop | None"
    """A stop that was asked for or has become necessary; running attempts end first."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start the next group now."""

    group: GroupId
    lead: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may start before `until` (None: before something happens)."""

    until: datetime | None
    why: Literal["sessions", "slots", "lead", "hold", "window", "rate", "stagger", "paused", "ending", "budget"]


@dataclass(frozen=True, slots=True)
class Stop:
    """The run is over. `finished` is for the ledger to turn into exit code 0 or 1."""

    why: Literal["finished", "budget", "operator", "late", "broken"]
    message: Message


Decision = Start | Wait | Stop


def decide(now_is: Snapshot) -> Decision:
    """The next step. Stops wait for running attempts; a closed gate, a pause or a full house wait too."""
    if now_is.stop is not None:
        return Wait(None, "ending") if now_is.running else now_is.stop
    if now_is.next_group is None:
        return Wait(None, "sessions") if now_is.running else Stop("finished", message("nothing_left"))
    if now_is.paused:
        return Wait(None, "paused")
    if now_is.closed is not None:
        if now_is.hopeless is not None and not now_is.running:
            return Stop("late", now_is.hopeless)
        return Wait(now_is.closed.until, now_is.closed.why)
    if now_is.running >= now_is.allowed:
        return Wait(None, "slots")
    if now_is.needs_lead and now_is.lead_in_flight:
        return Wait(None, "lead")
    return _within_budget(now_is, now_is.next_group)


def _within_budget(now_is: Snapshot, group: GroupId) -> Decision:
    if now_is.cap_reached is not None:
        return Wait(None, "budget") if now_is.running else Stop("budget", now_is.cap_reached)
    budget = now_is.budget_microusd
    if budget is None or now_is.spent_microusd + now_is.reserved_microusd + now_is.reservation_microusd <= budget:
        return Start(group, lead=now_is.needs_lead)
    if now_is.running:
        return Wait(None, "budget")
    reserves = now_is.reservation_microusd
    return Stop(
        "budget",
        message("budget", budget_microusd=budget, spent_microusd=now_is.spent_microusd, needed_microusd=reserves),
    )
