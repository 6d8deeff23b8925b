"""What is wrong with an item, as programs read it: recorded beside the reasons, which the model reads."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.base.reason import Reason, as_reason
from harness.core.types import Fault


@dataclass(frozen=True, slots=True)
class ItemError:
    """`type` is one word: `schema`, `jq`, `check`, `missing_output`, a fault of its session (`refused`), or what a
    check of the user's calls it. `field` is a path in the record, `.coaches[0].name`; None = none in particular."""

    type: str
    message: str
    field: str | None = None


def errors_of(reasons: Sequence[str]) -> tuple[ItemError, ...]:
    """One for each reason."""
    return tuple(ItemError(each.kind, each.message, each.field) for each in map(as_reason, reasons))


def reason_of(fault: Fault) -> Reason:
    """Of an item whose session failed as a whole."""
    return Reason(f"{fault.kind}: {fault.detail}", fault.kind, message=fault.detail)
