"""What follows when a check raises instead of answering: which records it cannot look at, and whether it works at all.

One odd record must not stop a night, and a check that does not work must not strike anybody. So the items are shown to
it one by one. Those at which it raises are rejected when it is known to work: it accepted another record of this
group, or one that was accepted before and that it is shown again. If it raises at that one too, it is broken. Where no
such record is known, nothing is concluded (`core.settle` counts how often).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.types import Fault, Item, Json
from harness.evaluation.check_program import CommandError
from harness.evaluation.persistent_child import BoundedError

_MOST_TIMEOUTS: Final = 2
"""Items of a group that a check may take too long for; the others are then not shown to it any more."""
_FEW: Final = 8

Raised = BoundedError | CommandError
ItemRecords = Mapping[ItemId, Sequence[Json]]
Reasons = dict[ItemId, list[Reason]]
AskCheck = Callable[[ItemRecords], Reasons]
"""Shows records to a check; raises BoundedError or CommandError when that does not answer."""


@dataclass(frozen=True, slots=True)
class KnownGood:
    """An item whose records were good, as checks are shown them."""

    item: Item
    records: Sequence[Json]


class BrokenCheckError(Exception):
    """A check itself failed; `fault` says which and how. Nothing may be concluded from it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class RaisedCheckError(Exception):
    """A check raised, and no record is known on which it works, or none is to blame; `reasons` are what is known of
    items all the same."""

    def __init__(self, fault: Fault, reasons: Reasons) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.reasons = reasons


@dataclass(slots=True)
class Suspects:
    """The items of a group, after the check had raised at all of them together."""

    raised: dict[ItemId, Raised] = field(default_factory=dict)
    reasons: Reasons = field(default_factory=dict)
    passed: list[ItemId] = field(default_factory=list)

    def answer(self) -> Reasons:
        """Why items are rejected."""
        return self.reasons | {
            item: [Reason("check_raised", {"message": why.message})] for item, why in self.raised.items()
        }


def suspects(records: ItemRecords, ask: AskCheck, together: Raised, *, sees_all: bool) -> Suspects:
    """Find the items at which a check raises, which it did at all of them `together`.

    `sees_all`: what it says of several items may be more than what it says of each, so the rest is shown once more.
    """
    found = Suspects()
    _search(records, ask, together, found)
    rest = {item: group for item, group in records.items() if item not in found.raised}
    found.passed = [item for item in rest if item not in found.reasons]
    if sees_all and len(rest) > 1:
        try:
            found.reasons = ask(rest)
        except (BoundedError, CommandError) as error:
            found.raised |= dict.fromkeys(rest, error)
    return found


def _search(records: ItemRecords, ask: AskCheck, raised: Raised, found: Suspects) -> None:
    """By halves, down to eight: a Python check costs a process each time. Half a timeout is none: then one by one."""
    if len(records) == 1:
        found.raised |= dict.fromkeys(records, raised)
        return
    for part in _parts(list(records), by_halves=len(records) > _FEW and raised.kind != "timeout"):
        if sum(why.kind == "timeout" for why in found.raised.values()) >= _MOST_TIMEOUTS:
            found.raised |= dict.fromkeys(part, CommandError("it took too long for other records of this file"))
            continue
        shown = {item: records[item] for item in part}
        try:
            found.reasons |= ask(shown)
        except (BoundedError, CommandError) as error:
            _search(shown, ask, error, found)


def _parts(items: list[ItemId], *, by_halves: bool) -> list[list[ItemId]]:
    middle = (len(items) + 1) // 2
    return [items[:middle], items[middle:]] if by_halves else [[item] for item in items]
