"""What the requests of one session have cost so far, at list prices; those that were lost are charged as they might
have been answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from harness.core.prices import cost_of


@dataclass(slots=True)
class Charges:
    """In dollars. `complete`: for answers that came whole, a part of `total`."""

    total: Decimal = Decimal(0)
    complete: Decimal = Decimal(0)
    broken: int = 0
    """Answers that broke off, and requests that were lost."""
    is_priced: bool = True
    """False once a model had no price: the total says nothing then."""
    is_heard: bool = False
    """The provider has said something."""
    _unreached: Decimal = Decimal(0)
    """Charged for requests that were lost before anything at all had come from the provider."""

    def price(self, model: str, usage: Mapping[str, Any]) -> Decimal:
        cost = cost_of(model, usage)
        self.is_priced &= cost is not None
        return cost or Decimal(0)

    def answered(self, cost: Decimal) -> None:
        self.total += cost
        self.complete += cost

    def broke_off(self, cost: Decimal) -> None:
        self.total += cost
        self.broken += 1

    def lost(self, cost: Decimal) -> None:
        self.broke_off(cost)
        self._unreached += 0 if self.is_heard else cost

    def reached_nobody(self) -> bool:
        return self._unreached > 0 and not self.is_heard

    def nobody_was_there(self) -> None:
        """What was lost before anybody had answered was not billed."""
        self.total -= self._unreached
        self._unreached = Decimal(0)
