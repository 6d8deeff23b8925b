"""The one gate for all starts: how many may run, who goes ahead, and how long to hold after a provider fault."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from harness.core.types import Fault

_FIRST_HOLD = timedelta(seconds=30)
_LONGEST_HOLD = timedelta(minutes=15)
_AFTER_RESET = timedelta(seconds=2)
_LONGEST_STATED = timedelta(days=8)
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

    def after_answer(self) -> "Gate":
        """The provider answered a session."""
        return replace(self, probing=False) if self.probing else self

    def after_success(self) -> "Gate":
        """A session ended without a provider fault."""
        return replace(self, allowed=min(self.parallel, self.allowed * 2), probing=False)


def hold_until(fault: Fault, faults_in_a_row: int, now: datetime) -> datetime:
    """The end of the hold after a provider fault; the Nth in a row waits 30 s x 2^(N-1), at most 15 minutes.

    A stated reset is believed (plus two seconds) unless it lies in the past or more than eight days ahead.
    """
    if fault.until is not None and now < fault.until <= now + _LONGEST_STATED:
        return fault.until + _AFTER_RESET
    doubled: timedelta = _FIRST_HOLD * (2 ** min(max(faults_in_a_row, 1) - 1, 10))
    return now + min(doubled, _LONGEST_HOLD)
