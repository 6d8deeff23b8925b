"""What people ask from another terminal, turned into events."""

from pathlib import Path
from typing import Protocol

from harness.base.ids import ItemId
from harness.core.events import GroupQueued, HoldLifted, ItemReopened, Paused, Resumed
from harness.ledger import control, queries
from harness.ledger.store import Ledger


class Stoppable(Protocol):
    """The supervisor, as far as a request needs it."""

    def ask_stop(self, who: str, *, now: bool = False) -> None: ...


class RequestDesk:
    """Takes requests out of the spool; each is committed before it is removed."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger

    def forget_cancels(self) -> None:
        """A cancel that nobody took was meant for a run that is over."""
        for posted in control.waiting(self._folder):
            if posted.request.verb == "cancel":
                posted.done()

    def take(self, supervisor: Stoppable) -> None:
        """Carry out everything that waits in the spool."""
        for posted in control.waiting(self._folder):
            self._carry_out(posted.request, supervisor)
            posted.done()

    def _carry_out(self, request: control.Request, supervisor: Stoppable) -> None:
        match request.verb:
            case "cancel":
                supervisor.ask_stop(request.who, now=request.now)
            case "pause":
                self._ledger.record(Paused(request.who))
            case "resume":
                self._ledger.record(Resumed(request.who), HoldLifted(request.who))
            case "retry":
                self._reopen(request)

    def _reopen(self, request: control.Request) -> None:
        """Failed items get a new round: strikes from 0, alone, at once."""
        db = self._ledger.db
        wanted = None if request.all_failed else tuple(ItemId(item) for item in request.items)
        group = queries.run_state(db).next_group
        with self._ledger.transaction() as transaction:
            for offset, failed in enumerate(queries.failed_items(db, wanted)):
                batch = failed.batch
                transaction.record(
                    [
                        ItemReopened(batch.phase, failed.item, request.who),
                        GroupQueued(
                            group + offset, batch.phase, batch.number, batch.part, (failed.item,), 0, "reopened"
                        ),
                    ]
                )
