"""What the loop asks the ledger before it decides; asked again only when something was committed since."""

from dataclasses import asdict, dataclass
from pathlib import Path

from harness.base.commands import command_at
from harness.core.advance import FRUITLESS, broken_setup
from harness.core.messages import Message, message
from harness.core.types import BatchRef
from harness.ledger import attempt_queries, group_queries, money_queries, phase_queries, run_queries
from harness.ledger.group_queries import ReadyGroup
from harness.ledger.money_queries import Money
from harness.ledger.reasons import commonest
from harness.ledger.run_queries import RunState
from harness.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class Running:
    """What runs: the batch of each session, and whether a lead has not answered or a limit has refused one yet."""

    batches: tuple[BatchRef, ...]
    is_led: bool
    is_rejected: bool


@dataclass(frozen=True, slots=True)
class LedgerReading:
    """The group that is next, what earlier runs left, the money, and why the set-up is broken, if it is."""

    group: ReadyGroup | None
    state: RunState
    money: Money
    broken: Message | None


class SnapshotReader:
    """Most looks come from a sign of life of a session, which changes nothing here."""

    def __init__(self, ledger: Ledger, state: Path, until: int | None = None, *, is_synthetic: bool = False) -> None:
        self._ledger = ledger
        self._state = state
        self._until = until
        self._is_synthetic = is_synthetic
        self._transactions = -1
        self._reading: LedgerReading | None = None

    def read(self) -> LedgerReading:
        if self._reading is None or self._transactions != self._ledger.transactions:
            db = self._ledger.db
            fruitless = phase_queries.fruitless_phase(db)
            broken = self._fruitless(fruitless) if fruitless else broken_setup(attempt_queries.tail(db))
            self._reading = LedgerReading(
                group_queries.next_ready(db, self._until), run_queries.run_state(db), money_queries.money(db), broken
            )
            self._transactions = self._ledger.transactions
        return self._reading

    def _fruitless(self, phase: str) -> Message:
        """A phase has accepted nothing: what was in the way most often, and the command that shows one case of it."""
        found = commonest(self._ledger.db, phase)
        return message(
            "nothing_accepted",
            phase=phase if phase_queries.has_several_phases(self._ledger.db) else None,
            attempts=FRUITLESS,
            synthetic=self._is_synthetic,
            most_often=asdict(found) if found else None,
            command=command_at(self._state, "why", found.item).as_json() if found else None,
        )
