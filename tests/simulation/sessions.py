"""What the simulated world knows of one session: what it will come to, and what became of it."""

from dataclasses import dataclass
from decimal import Decimal

from harness.core.types import Fault
from tests.simulation.answers import Came


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session will come to, if nobody ends it before."""

    fault: Fault | None = None
    output: bytes | None = None
    good: frozenset[str] = frozenset()
    """Items whose records in `output` are good."""
    blamed: frozenset[str] = frozenset()
    """Items that are treated badly by their own or this session's doing."""
    cost: Decimal = Decimal(0)
    is_cost_told: bool = True
    told: Decimal | None = None
    """The cost that is told, where it is not the real one."""
    came: Came | None = None
    """What its requests came to; None = it was drawn."""
    answers_after_s: float = 1.0
    works_s: float = 1.0


@dataclass(slots=True)
class Session:
    """What the world did in one attempt."""

    attempt: int
    phase: int
    items: tuple[str, ...]
    plan: Plan
    began_s: float
    writes_at_s: float
    fault: Fault | None = None
    written: bytes | None = None
    cost: Decimal = Decimal(0)
    is_live: bool = True
    is_orphan: bool = False
    has_answered: bool = False

    @property
    def good(self) -> frozenset[str]:
        return self.plan.good if self.written is not None else frozenset()

    def write(self) -> None:
        self.written = self.plan.output
