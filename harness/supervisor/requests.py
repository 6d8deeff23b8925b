"""What people ask from another terminal, turned into events."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.messages import Message, message
from harness.core.run_events import HoldLifted, Paused, Resumed
from harness.ledger import item_queries, spool
from harness.ledger.edits import edit_rows, reopen
from harness.ledger.past_attempts import acceptance
from harness.ledger.shared_holds import SharedHolds
from harness.ledger.store import Ledger
from harness.ledger.withdrawal import Word, is_busy, made_from_all, withdraw


class Stoppable(Protocol):
    """The supervisor, as far as a request needs it."""

    def ask_stop(self, why: Message, *, now: bool = False, exit_code: int = 130) -> None: ...


class RequestDesk:
    """Takes requests out of the spool; each is committed before it is removed."""

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        withdrawn: Callable[[int], None] = lambda phase: None,
        shared_holds: SharedHolds | None = None,
    ) -> None:
        """`withdrawn` is called with each phase that has lost accepted records."""
        self._folder = folder
        self._ledger = ledger
        self._withdrawn = withdrawn
        self._shared_holds = shared_holds

    def take(self, supervisor: Stoppable) -> None:
        """Carry out everything that waits in the spool, but what has to wait for running sessions."""
        for posted in spool.waiting(self._folder):
            if self._carry_out(posted.request, supervisor):
                posted.done()

    def _carry_out(self, request: spool.Request, supervisor: Stoppable) -> bool:
        match request.verb:
            case "cancel":
                supervisor.ask_stop(message("stopped_by", who=request.who), now=request.now)
            case "pause":
                self._ledger.record(Paused(request.who))
            case "resume":
                self._ledger.record(Resumed(request.who), HoldLifted(request.who))
                if self._shared_holds is not None:  # it would go on holding this job too
                    self._shared_holds.lift()
            case "retry":
                self._reopen(request)
            case "reject":
                return self._reject(request)
        return True

    def _reopen(self, request: spool.Request) -> None:
        """Failed items get a new round; those that wait, by this request or an earlier one, get their rows of today."""
        wanted = None if request.all_failed else tuple(ItemId(item) for item in request.items)
        with self._ledger.transaction() as transaction:
            reopen(transaction, item_queries.failed_items(self._ledger.db, wanted), request.who)
            edit_rows(transaction, request.rows, request.who, again=False)

    def _reject(self, request: spool.Request) -> bool:
        """Done items get a new round; not yet, while a session works on what was made from them."""
        db = self._ledger.db
        found = (acceptance(db, request.phase, item) for item in request.items)
        taken = [each for each in found if each is not None and each.seq <= request.seen]
        if is_busy(db, taken):
            return False
        touched = {request.phase, *(made.phase for made in made_from_all(db, taken))}
        with self._ledger.transaction() as transaction:
            withdraw(transaction, taken, Word(request.who, request.why, (Reason.said(request.why),)))
        for phase in sorted(touched):
            self._withdrawn(phase)
        return True
