"""Turning an ended attempt into its events: the only place where anything is accepted, struck or failed.

The one retry rule (design section 5). Good records are accepted at once, whatever became of the session. Of the rest:

    a no-strike fault                      the group again, as it is; three times per group
    ended by itself, something came back   a strike for each item rejected or missing; the rest together, with reasons
    cut short, something accepted          nobody is struck; the rest together
    nothing usable (a whole failure)       repeated once per batch, then halved; refused, too long: halved at once
    a whole failure alone                  the item's strike; refused or too long: failed at once
    an item's file is gone                 that item failed, alone; the others again, no strike
    a check raised, not known to work      the group again, behind the others, no strike; three groups in a row: stop

The strike that fails an item is earned alone, so an item that is one strike short goes alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime

from harness.base.clock import to_text
from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.base.slices import Slice
from harness.core.advance import BREAKDOWNS
from harness.core.claims import as_claim, claims, is_held, notes_on_cost, of_asked_models, stays_suspected
from harness.core.events import (
    AttemptEnded,
    Event,
    FrozenOutput,
    GroupQueued,
    ItemAccepted,
    ItemAdded,
    ItemFailed,
    ItemReturned,
    ItemStruck,
    Outcome,
    PaceGiven,
    QueuedWhy,
    UsageSettled,
)
from harness.core.fault_kinds import FaultKind
from harness.core.faults import halves_at_once
from harness.core.gate import hold_until
from harness.core.item_rounds import end_at_once
from harness.core.messages import message, told
from harness.core.money import to_micro
from harness.core.open_attempt import Member, Open
from harness.core.rejections import of_fault
from harness.core.run_events import HoldPlaced
from harness.core.types import Accepted, BatchRef, Ending, Fault, Judgement, Rejected

NO_STRIKE_RETRIES = 3
"""No-strike faults of a group that count as transient while other attempts end well."""

MOST_BREAKDOWNS = NO_STRIKE_RETRIES + BREAKDOWNS
"""Breakdowns of a group that count as transient where no other is left to end well: they have stopped a run, and
it was launched again."""
MOST_CHECKS_RAISED = 3
"""Attempts in a row on whose records a check may raise before the check itself is called broken."""
_NO_STRIKE = ("provider", "host", "operator", "config")


def settle(
    open_: Open, ending: Ending, judgement: Judgement, slices: Mapping[ItemId, Slice], now: datetime
) -> list[Event]:
    """The events of one ended attempt, to be committed in one transaction, AttemptEnded last.

    `slices` has an entry for each accepted item; its bytes are durable in the store already.
    """
    ending, judgement = of_asked_models(ending, judgement)
    raised = None if ending.fault and ending.fault.blame in _NO_STRIKE else judgement.raised_check
    if (broken := judgement.broken_check or _raised_too_often(open_, raised)) is not None:
        return [
            _usage(open_, ending),
            _again(open_, open_.members, "again", open_.next_group),
            _ended(open_, ending, judgement, broken, "stopped"),
        ]
    if raised is not None:
        return _raised(open_, ending, judgement, raised)
    fault = _transient_or_not(open_, ending.fault)
    if fault is not None and fault.blame == "session" and stays_suspected(ending.fault):
        open_ = replace(open_, suspected=True)
    told = ending.facts.model or ""
    accepted = _accept(open_.attempt, open_.batch, open_.members, judgement, slices, model=told)
    rest = [member for member in open_.members if not isinstance(judgement.verdicts[member.id], Accepted)]
    settled = _Rest(open_, judgement, fault, rest, len(rest) < len(open_.members), is_confirmed=is_held(open_, now))
    events: list[Event] = [*accepted, _usage(open_, ending), *settled.events()]
    if fault is not None and fault.blame == "provider" and not claims(fault):
        until = hold_until(fault, open_.provider_faults_in_a_row + 1, now)
        events.append(HoldPlaced(open_.attempt, "", to_text(until), message("provider_fault", fault=str(fault.kind))))
    return [*events, _ended(open_, ending, judgement, fault, settled.outcome())]


def recover(
    attempt: int, batch: BatchRef, members: Sequence[Member], judgement: Judgement, slices: Mapping[ItemId, Slice]
) -> list[Event]:
    """The events of an attempt that ended before and is judged once more: what is good now is accepted.

    Nobody is struck and nothing is charged; items that are rejected again stay as they are. `members` have failed, or
    wait for another try.
    """
    if judgement.broken_check is not None or judgement.raised_check is not None:
        return []
    events = _accept(attempt, batch, members, judgement, slices)
    return [replace(event, rejudged=True) if isinstance(event, ItemAccepted) else event for event in events]


def _raised_too_often(open_: Open, raised: Fault | None) -> Fault | None:
    """The check that is called broken: that raises for the third attempt in a row that met no no-strike fault."""
    if raised is None or open_.checks_raised + 1 < MOST_CHECKS_RAISED:
        return None
    return replace(raised.because(message("raised_in_a_row", groups=MOST_CHECKS_RAISED)), kind=FaultKind.BROKEN_CHECK)


def _raised(open_: Open, ending: Ending, judgement: Judgement, fault: Fault) -> list[Event]:
    """Nobody knows yet who is to blame: the others go first, so that a record known to be good may turn up."""
    settled = _Rest(open_, judgement, fault, open_.members, has_accepted=False)
    again = _again(open_, open_.members, "again", open_.next_group, tries=open_.tries + 1)
    return [
        *settled.returned(),
        _usage(open_, ending),
        replace(again, no_strike_retries=open_.no_strike_retries, last_no_strike=open_.last_no_strike),
        _ended(open_, ending, judgement, fault, "no_strike"),
    ]


def _transient_or_not(open_: Open, fault: Fault | None) -> Fault | None:
    """A no-strike fault that only this group meets, time after time, is the session's own.

    Of a breakdown it stays so: when what breaks a session is all that is left, no others can end well any more.
    A claim needs no others: each of its sessions had been answered before it called a tool.
    """
    if fault is not None and claims(fault):
        return as_claim(fault, is_transient=open_.no_strike_retries < NO_STRIKE_RETRIES and not open_.suspected)
    if fault is None or not _may_be_suspected(fault):
        return fault
    if fault.blame == "host" and (open_.suspected or open_.others_withstood or open_.breakdowns >= MOST_BREAKDOWNS):
        return replace(fault.because(message("crashed_too_often")), blame="session")
    if open_.no_strike_retries < NO_STRIKE_RETRIES or not open_.others_ended_well:
        return fault
    return replace(fault.because(message("retried_too_often", times=open_.no_strike_retries)), blame="session")


def _may_be_suspected(fault: Fault) -> bool:
    """A lost supervisor, a machine asleep or full, and the account's limit are no session's doing, but as a claim."""
    if claims(fault):
        return True
    return fault.blame in ("provider", "host") and fault.kind not in (
        FaultKind.SUPERVISOR_LOST,
        FaultKind.SUSPENDED,
        FaultKind.DISK,
        FaultKind.USAGE_LIMIT,
    )


def _accept(
    attempt: int,
    batch: BatchRef,
    members: Sequence[Member],
    judgement: Judgement,
    slices: Mapping[ItemId, Slice],
    *,
    model: str = "",
) -> list[Event]:
    """ItemAccepted for each accepted item, each followed by the items made out of its records."""
    events: list[Event] = []
    for member in members:
        verdict = judgement.verdicts[member.id]
        if not isinstance(verdict, Accepted):
            continue
        where = slices[member.id]
        place = (where.sha, where.offset, where.length_bytes, len(verdict.records))
        events.append(ItemAccepted(attempt, batch.phase, member.id, *place, model=model))
        for phase, made in verdict.derived.items():
            for index, item in enumerate(made, verdict.behind.get(phase, 0)):
                at = (member.root, f"{member.place}.{index:05d}", batch.number)
                events.append(ItemAdded(phase, item.id, member.id, *at, dict(item.data), "", planned=item.planned))
        events += [PaceGiven(phase, member.id, *astuple(pace)) for phase, pace in verdict.paces.items()]
    return events


@dataclass(frozen=True, slots=True)
class _Rest:
    """The items of an attempt that were not accepted, and what becomes of them."""

    open_: Open
    judgement: Judgement
    fault: Fault | None
    members: Sequence[Member]
    has_accepted: bool
    is_confirmed: bool = False
    """Others have met a provider's fault already, and this job is held."""

    def events(self) -> list[Event]:
        if not self.members:
            return []
        if self.fault is not None and self.fault.kind == FaultKind.NO_INPUT:
            return self._without_input(self.fault)
        if self.fault is not None and self.fault.blame in _NO_STRIKE:
            return [*self.returned(), self._retried()]
        if self._is_whole_failure():
            return self._whole_failure()
        if self.fault is not None and self.has_accepted:
            return [*self.returned(), *self._requeue(struck=False)]
        return self._strike_each()

    def outcome(self) -> Outcome:
        if self.fault is not None and self._stops(self.fault):
            return "stopped"
        if self.fault is not None and self.fault.blame in _NO_STRIKE:
            return "no_strike"
        if not self.members:
            return "succeeded"
        return "failed" if self._is_whole_failure() else "partial"

    def _stops(self, fault: Fault) -> bool:
        return (fault.blame == "config" and not claims(fault)) or fault.kind == FaultKind.DISK

    def _is_whole_failure(self) -> bool:
        """Nothing was accepted, and the session was cut short or left nothing that could be judged."""
        return not self.has_accepted and (self.fault is not None or not self.judgement.usable)

    def _reasons(self, member: Member) -> tuple[Reason, ...]:
        verdict = self.judgement.verdicts[member.id]
        return verdict.reasons if isinstance(verdict, Rejected) else ()

    def returned(self) -> list[Event]:
        """Reasons that cost no strike, for the next prompt: of records that came back and were rejected."""
        return [
            self._returned(member, self._reasons(member))
            for member in self.members
            if self._reasons(member) and not self._is_missing(member)
        ]

    def _is_missing(self, member: Member) -> bool:
        verdict = self.judgement.verdicts[member.id]
        return isinstance(verdict, Rejected) and verdict.missing

    def _retried(self) -> GroupQueued:
        """A provider's or the host's fault counts as one retry, unless it is certain that it is nobody's here."""
        open_, fault = self.open_, self.fault
        again = _again(open_, self.members, "again", open_.next_group)
        counts_retry = fault is not None and _may_be_suspected(fault) and not (claims(fault) and self.is_confirmed)
        if not counts_retry:
            return replace(again, no_strike_retries=open_.no_strike_retries, last_no_strike=open_.last_no_strike)
        no_strike_retries = open_.no_strike_retries + 1
        behind = int(no_strike_retries >= NO_STRIKE_RETRIES)  # the others end first, then it can be suspected
        again = replace(again, tries=open_.tries + behind)
        return replace(again, no_strike_retries=no_strike_retries, last_no_strike=open_.attempt)

    def _without_input(self, fault: Fault) -> list[Event]:
        """Items whose file is gone fail, each alone; the others go again as if nothing had been."""
        open_, gone = self.open_, set(fault.evidence.get("missing_input", ()))
        if len(self.members) == 1:
            at = (open_.attempt, open_.batch.phase, self.members[0].id)
            return [ItemFailed(*at, rejections=(of_fault(fault),), kind="no_input")]
        there = [member for member in self.members if member.id not in gone]
        groups = [*([there] if there else []), *([member] for member in self.members if member.id in gone)]
        return [_again(open_, group, "again", open_.next_group + index) for index, group in enumerate(groups)]

    def _strike_each(self) -> list[Event]:
        """The session ended by itself and something came back: each item answers for its own records."""
        events: list[Event] = []
        for member in self.members:
            events.extend(self._strike(member, self._reasons(member)))
        return [*events, *self._requeue(struck=True)]

    def _strike(self, member: Member, reasons: tuple[Reason, ...]) -> list[Event]:
        """One strike; in company never the last one, which is earned alone."""
        open_, phase = self.open_, self.open_.batch.phase
        is_last = member.strikes + 1 >= open_.strikes_allowed
        if is_last and len(open_.members) > 1:
            return [self._returned(member, reasons)]
        events: list[Event] = [ItemStruck(open_.attempt, phase, member.id, rejections=reasons)]
        if is_last:
            events.append(ItemFailed(open_.attempt, phase, member.id, rejections=reasons, kind="strikes"))
        return events

    def _whole_failure(self) -> list[Event]:
        open_, fault = self.open_, self.fault
        if len(open_.members) == 1:
            return self._whole_failure_alone(self.members[0])
        at_once = fault is not None and halves_at_once(fault.kind)  # fewer items are the remedy, not a reason
        told = [] if at_once else [self._returned(member, self._reasons_of_whole(member)) for member in self.members]
        if not at_once and not open_.batch_repeated:
            return [*told, _again(open_, self.members, "repeated", open_.next_group, tries=open_.tries + 1)]
        middle = (len(self.members) + 1) // 2
        halves = [self.members[:middle], self.members[middle:]]
        return [
            *told,
            *(
                _again(open_, half, "halved", open_.next_group + index, tries=open_.tries + 1)
                for index, half in enumerate(halves)
            ),
        ]

    def _returned(self, member: Member, reasons: tuple[Reason, ...]) -> ItemReturned:
        return ItemReturned(self.open_.attempt, self.open_.batch.phase, member.id, rejections=reasons)

    def _reasons_of_whole(self, member: Member) -> tuple[Reason, ...]:
        fault, reasons = self.fault, self._reasons(member)
        return reasons if fault is None else (of_fault(fault), *reasons)

    def _whole_failure_alone(self, member: Member) -> list[Event]:
        open_, fault, reasons = self.open_, self.fault, self._reasons_of_whole(member)
        if (end := end_at_once(fault)) is not None:
            at = (open_.attempt, open_.batch.phase, member.id)
            return [ItemStruck(*at, rejections=reasons), ItemFailed(*at, rejections=reasons[:1], kind=end)]
        return [*self._strike(member, reasons), *self._requeue(struck=True)]

    def _requeue(self, *, struck: bool) -> list[Event]:
        """The rest together; items one strike short each alone."""
        open_, allowed = self.open_, self.open_.strikes_allowed
        alone_now = len(open_.members) == 1

        def strikes_after(member: Member) -> int:
            is_struck = struck and (alone_now or member.strikes + 1 < allowed)
            return member.strikes + int(is_struck)

        still_in = [member for member in self.members if strikes_after(member) < allowed]
        together = [member for member in still_in if strikes_after(member) + 1 < allowed]
        alone = [member for member in still_in if strikes_after(member) + 1 >= allowed]
        groups: list[tuple[Sequence[Member], QueuedWhy]] = [(together, "retry")] if together else []
        groups += [([member], "alone") for member in alone]
        return [
            _again(open_, members, why, open_.next_group + index, tries=open_.tries + 1)
            for index, (members, why) in enumerate(groups)
        ]


def _again(
    open_: Open,
    members: Sequence[Member],
    why: QueuedWhy,
    group: int,
    *,
    tries: int | None = None,
) -> GroupQueued:
    """The group for the next try. A no-strike fault keeps the place in the queue (`tries`)."""
    batch = open_.batch
    items = tuple(str(member.id) for member in members)
    return GroupQueued(
        group,
        batch.phase,
        batch.number,
        batch.part,
        items,
        open_.tries if tries is None else tries,
        why,
        suspected=open_.suspected,
    )


def _usage(open_: Open, ending: Ending) -> UsageSettled:
    """An unknown or senseless cost is charged as the reservation, any other as the higher of told and counted."""
    facts, cost = ending.facts, ending.facts.cost_usd
    told = to_micro(cost) if cost is not None and cost.is_finite() and cost >= 0 else None
    counted = to_micro(facts.counted_usd) if facts.counted_usd is not None else None
    charged = max(open_.reserved_microusd if told is None else told, counted or 0)
    charged = charged if open_.most_microusd is None else min(charged, open_.most_microusd)
    return UsageSettled(
        open_.attempt,
        charged,
        told is not None,
        facts.input_tokens,
        facts.output_tokens,
        facts.cache_read_tokens,
        facts.cache_write_tokens,
        facts.turns,
        told,
        counted,
    )


def _ended(open_: Open, ending: Ending, judgement: Judgement, fault: Fault | None, outcome: Outcome) -> AttemptEnded:
    return AttemptEnded(
        attempt=open_.attempt,
        outcome=outcome,
        fault=str(fault.kind) if fault else None,
        blame=fault.blame if fault else None,
        detail="",
        duration_s=round(ending.duration.total_seconds(), 3),
        session_id=ending.facts.session_id,
        model=ending.facts.model,
        cli_version=ending.facts.cli_version,
        outputs=tuple(FrozenOutput(each.name, each.sha, each.size_bytes) for each in ending.artifacts),
        invented=judgement.invented,
        evidence=dict(fault.evidence) if fault else {},
        noted=(*ending.notes, *judgement.notes, *notes_on_cost(open_, ending)),
        why=fault.why if fault else ((told(ending.facts.said),) if ending.facts.said else ()),
    )
