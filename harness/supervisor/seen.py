"""What the loop asks the ledger before it decides; asked again only when something was committed since."""

from dataclasses import dataclass

from harness.core.advance import broken_setup
from harness.ledger import queries
from harness.ledger.queries import Money, ReadyGroup, RunState
from harness.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class Seen:
    """The group that is next, what earlier runs left, the money, and why the set-up is broken, if it is."""

    group: ReadyGroup | None
    state: RunState
    money: Money
    broken: str | None


class Sight:
    """Most looks come from a sign of life of a session, which changes nothing here."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._transactions = -1
        self._seen: Seen | None = None

    def now(self) -> Seen:
        if self._seen is None or self._transactions != self._ledger.transactions:
            db = self._ledger.db
            broken = broken_setup(queries.tail(db), queries.fruitless_phase(db))
            self._seen = Seen(queries.next_ready(db), queries.run_state(db), queries.money(db), broken)
            self._transactions = self._ledger.transactions
        return self._seen
