"""How a round of an item ends without a record, one kind a line beside the fault table, and what begins another one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from harness.core.types import Fault, Json

ItemEnd = Literal["strikes", "refused", "too_long", "unasked_model", "no_input"]


@dataclass(frozen=True, slots=True)
class EndRule:
    """What such an end takes: a strike with it, or none; at once, or when the strikes are used up."""

    costs_strike: bool
    at_once: bool


# fmt: off
ENDS: Final[Mapping[ItemEnd, EndRule]] = {
    "strikes":       EndRule(costs_strike=True,  at_once=False),
    "refused":       EndRule(costs_strike=True,  at_once=True),
    "too_long":      EndRule(costs_strike=True,  at_once=True),
    "unasked_model": EndRule(costs_strike=True,  at_once=True),
    "no_input":      EndRule(costs_strike=False, at_once=True),
}
# fmt: on


def end_at_once(fault: Fault | None) -> ItemEnd | None:
    """The end of an item that meets this fault alone, whatever strikes it has left; None when it goes on."""
    return next((end for end, rule in ENDS.items() if rule.at_once and fault is not None and fault.kind == end), None)


ReopenedKind = Literal["retry", "edited", "reject", "redo"]
"""What a person asked for who put the item back."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The row of a first-phase item as the source has it today; `sha` and `file` as in ItemAdded."""

    data: Json
    sha: str
    file: str | None
