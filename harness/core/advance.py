"""What follows from settled batches: the batches of later phases, and what their groups wait for.

Each function is pure: facts in, events or verdicts out. The ledger asks them inside the settling transaction.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Literal

from harness.core.events import AttemptEnded, BatchPlanned, Event
from harness.core.messages import Message, message


@dataclass(frozen=True, slots=True)
class Waiting:
    """Items of one phase and number that belong to no batch yet, in item order."""

    phase: int
    number: int
    items: tuple[str, ...]
    last_part: int | None
    """The last part of this number that exists already; None: nothing is planned yet. Else these items join late."""
    batch_size: int
    given: tuple[tuple[str, int], ...] = ()
    """For items of a given plan: who made each, and the batch of the plan that it belongs to; else ()."""


def plan_parts(waiting: Waiting, next_group: int) -> list[Event]:
    """The batches of one number: those of a given plan, as parts N.1, N.2; else one, or parts above the size. Late
    items make further parts."""
    size, last_part = waiting.batch_size, waiting.last_part
    if waiting.given:
        pairs = groupby(zip(waiting.given, waiting.items, strict=True), key=itemgetter(0))
        pieces = [tuple(item for _, item in group) for _, group in pairs]
    else:
        pieces = [waiting.items[at : at + size] for at in range(0, len(waiting.items), size)]
    late = last_part is not None
    first_part = int(len(pieces) > 1 or bool(waiting.given)) if last_part is None else max(last_part, 1) + 1
    return [
        BatchPlanned(waiting.phase, waiting.number, first_part + index, piece, next_group + index, late)
        for index, piece in enumerate(pieces)
    ]


NeedsWhat = Literal["own", "earlier", "previous"]


@dataclass(frozen=True, slots=True)
class Need:
    """A group waits until every batch of `phase` from 1 up to `number` has been settled at some time.

    A retry by hand opens a batch again, but no need: it never holds up groups that were ready.
    """

    phase: int
    number: int


def needs_of(batch: BatchPlanned, needs: NeedsWhat, from_phase: int) -> tuple[Need, ...]:
    """All that the first group of a batch waits for, met or not. Later groups of the batch wait for nothing.

    Batch N of `from_phase` is settled already, or the batch would not have been planned. A late batch waits for nobody.
    """
    if needs == "own" or batch.late:
        return ()
    earlier = Need(from_phase, batch.number)
    if needs == "earlier":
        return (earlier,)
    return (*((earlier,) if from_phase else ()), Need(batch.phase, batch.number - 1))


FRUITLESS = 10
"""Attempts after which a phase that has accepted nothing, or sessions that leave nothing usable, stop the run."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The last strike-worthy attempts of this run, newest first."""

    outcomes: Sequence[str]
    """`well`, `partly` or `whole`."""
    groups: Sequence[str]
    """The members of each, as one text: the same group twice is the same text."""
    denials: Sequence[str]
    """What each was denied, as text; empty for other faults."""


def broken_setup(tail: Tail) -> Message | None:
    """Why the prompt or the set-up must be broken, or None: ten whole failures in a row over ten groups, or the same
    denial three times in a row."""
    newest = tail.outcomes[:FRUITLESS]
    if len(newest) == FRUITLESS and set(newest) == {"failed"} and len(set(tail.groups[:FRUITLESS])) == FRUITLESS:
        return message("groups_failed", groups=FRUITLESS)
    denied = tail.denials[:3]
    if len(denied) == 3 and denied[0] and len(set(denied)) == 1 and len(set(tail.groups[:3])) == 3:
        return message("tool_denied", tool=denied[0], sessions=3)
    return None


def stopped_by(ended: AttemptEnded, *, rehearsal: bool, instance: str | None) -> Message | None:
    """Why an attempt showed the set-up to be broken, or None."""
    if ended.outcome != "stopped":
        return None
    why = [each.as_json() for each in ended.messages]
    return message("setup_broken", fault=ended.fault, why=why, rehearsal=rehearsal, instance=instance)


BREAKDOWNS = 10
"""Attempts, one after the other, that this machine may break before the run stops."""


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """One ended attempt of this run: the entries of its start and end, and whether the host was to blame."""

    started_seq: int
    ended_seq: int
    is_breakdown: bool
    fault: str | None
    why: str
    """Of the fault, as JSON; read only when it stops the run."""


def broken_machine(newest_first: Sequence[EndedAttempt]) -> Message | None:
    """Why this machine must be broken, or None: ten breakdowns in a row, each started after the one before had ended.

    So sessions that are lost together count once, however many there were. Without this bound nothing would ever stop
    attempts that break at once: they strike nobody and need no hold.
    """
    in_a_row, before = 0, None
    for attempt in newest_first:
        if not attempt.is_breakdown:
            return None
        if before is None or attempt.ended_seq < before:
            in_a_row, before = in_a_row + 1, attempt.started_seq
        if in_a_row == BREAKDOWNS:
            return _host_broken(newest_first[0])
    return None


def _host_broken(newest: EndedAttempt) -> Message:
    return message("host_broken", sessions=BREAKDOWNS, fault=newest.fault, why=json.loads(newest.why))
