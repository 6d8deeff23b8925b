"""What the loop asks the ledger before it decides; asked again only when something was committed since."""

from dataclasses import dataclass
from pathlib import Path

from harness.base.commands import command_at
from harness.core.advance import broken_setup
from harness.ledger import attempt_queries, group_queries, money_queries, phase_queries, run_queries
from harness.ledger.group_queries import ReadyGroup
from harness.ledger.money_queries import Money
from harness.ledger.reasons import commonest
from harness.ledger.run_queries import RunState
from harness.ledger.store import Ledger
from harness.views.reason_words import text_of


@dataclass(frozen=True, slots=True)
class Seen:
    """The group that is next, what earlier runs left, the money, and why the set-up is broken, if it is."""

    group: ReadyGroup | None
    state: RunState
    money: Money
    broken: str | None


class Sight:
    """Most looks come from a sign of life of a session, which changes nothing here."""

    def __init__(self, ledger: Ledger, state: Path, until: int | None = None, *, is_made_up: bool = False) -> None:
        self._ledger = ledger
        self._state = state
        self._until = until
        self._is_made_up = is_made_up
        self._transactions = -1
        self._seen: Seen | None = None

    def now(self) -> Seen:
        if self._seen is None or self._transactions != self._ledger.transactions:
            db = self._ledger.db
            fruitless = phase_queries.fruitless_phase(db)
            who = f"phase {fruitless}" if phase_queries.has_several_phases(db) else "the job"
            broken = broken_setup(attempt_queries.tail(db), who if fruitless else None)
            if broken and fruitless:
                broken += self._most_often(fruitless)
            self._seen = Seen(
                group_queries.next_ready(db, self._until), run_queries.run_state(db), money_queries.money(db), broken
            )
            self._transactions = self._ledger.transactions
        return self._seen

    def _most_often(self, phase: str) -> str:
        """What was in the way most often, and the command that shows one case of it."""
        found = commonest(self._ledger.db, phase)
        wrong = ": its answers were made up" if self._is_made_up else ": its prompt or a check must be wrong"
        if found is None:
            return wrong
        blame = "" if found.is_fault else wrong
        case = command_at(self._state, "why", found.item)
        most = f"{found.count} of the last {found.of} sessions: {text_of(found.reason)}"
        return f"{blame}; {most}; `{case}` shows one of them"
