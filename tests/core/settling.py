"""Attempts as they end, settled, and what became of their items."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from harness.base.ids import ItemId, Sha
from harness.base.reason import Reason
from harness.base.slices import Slice
from harness.core.events import (
    Event,
    GroupQueued,
    ItemFailed,
    ItemStruck,
)
from harness.core.fault_kinds import FaultKind
from harness.core.messages import told
from harness.core.open_attempt import Member, Open
from harness.core.settle import settle
from harness.core.types import (
    Accepted,
    BatchRef,
    Blame,
    Ending,
    Fault,
    Judgement,
    Rejected,
    SessionFacts,
    Verdict,
)

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)


GOOD = Accepted(({"id": "x"},))


BAD = Rejected((Reason.said("wrong"),))


MISSING = Rejected((Reason.said("missing"),), missing=True)


def an_attempt(
    strikes: Sequence[int],
    *,
    repeated: bool = False,
    no_strike_retries: int = 0,
    others_well: bool = False,
    suspected: bool = False,
    breakdowns: int = 0,
    withstood: bool = False,
    allowed: int = 3,
) -> Open:
    members = tuple(Member(ItemId(f"i{n}"), count, f"i{n}", f"{n:08d}") for n, count in enumerate(strikes))
    return Open(
        attempt=7,
        group=3,
        batch=BatchRef(1, 1),
        members=members,
        tries=0,
        no_strike_retries=no_strike_retries,
        last_no_strike=5 if no_strike_retries else None,
        suspected=suspected,
        breakdowns=breakdowns,
        others_withstood=withstood,
        others_ended_well=others_well,
        batch_repeated=repeated,
        reserved_microusd=500_000,
        provider_faults_in_a_row=0,
        next_group=10,
        strikes_allowed=allowed,
    )


def settled(
    attempt: Open, verdicts: Sequence[Verdict], fault: Fault | None = None, *, cost: Decimal | None = Decimal("0.1")
) -> list[Event]:
    ending = Ending((), (), fault, SessionFacts(cost_usd=cost), timedelta(seconds=3))
    by_item = {member.id: verdict for member, verdict in zip(attempt.members, verdicts, strict=True)}
    usable = any(not (isinstance(verdict, Rejected) and verdict.missing) for verdict in verdicts)
    spans = {item: Slice(Sha("s"), 0, 1) for item, verdict in by_item.items() if isinstance(verdict, Accepted)}
    return settle(attempt, ending, Judgement(by_item, usable), spans, NOW)


def a_fault(kind: FaultKind, blame: Blame) -> Fault:
    return Fault(kind, blame, (told("it happened"),))


def struck(events: Sequence[Event]) -> list[str]:
    return [event.item for event in events if isinstance(event, ItemStruck)]


def failed(events: Sequence[Event]) -> list[str]:
    return [event.item for event in events if isinstance(event, ItemFailed)]


def queued(events: Sequence[Event]) -> list[tuple[str, tuple[str, ...]]]:
    return [(event.why, event.items) for event in events if isinstance(event, GroupQueued)]
