"""What people ask from another terminal, turned into events."""

from pathlib import Path

from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.messages import message
from harness.core.run_events import HoldLifted, Paused, Resumed
from harness.ledger import item_queries, spool
from harness.ledger.edits import edit_rows, reopen
from harness.ledger.past_attempts import acceptance
from harness.ledger.shared_holds import SharedHolds
from harness.ledger.store import Ledger
from harness.ledger.withdrawal import Word, derived_from_all, is_busy, withdraw
from harness.supervisor.inbox import StopAsked
from harness.supervisor.stopping import Stopping


class Requests:
    """Takes requests out of the spool; each is committed before it is removed."""

    def __init__(self, folder: Path, ledger: Ledger, shared_holds: SharedHolds | None = None) -> None:
        self._folder = folder
        self._ledger = ledger
        self._shared_holds = shared_holds

    def take(self, stopping: Stopping) -> set[int]:
        """Carry out everything that waits in the spool, but what has to wait for running sessions.

        Returns the phases that have lost accepted records.
        """
        touched = set[int]()
        for posted in spool.waiting(self._folder):
            if posted.request.verb == "reject":
                if (lost := self._reject(posted.request)) is None:
                    continue
                touched |= lost
            else:
                self._carry_out(posted.request, stopping)
            posted.done()
        return touched

    def _carry_out(self, request: spool.Request, stopping: Stopping) -> None:
        match request.verb:
            case "cancel":
                stopping.ask(StopAsked(message("stopped_by", who=request.who), now=request.now))
            case "pause":
                self._ledger.record(Paused(request.who))
            case "resume":
                self._ledger.record(Resumed(request.who), HoldLifted(request.who))
                if self._shared_holds is not None:  # it would go on holding this job too
                    self._shared_holds.lift()
            case "retry":
                self._reopen(request)

    def _reopen(self, request: spool.Request) -> None:
        """Failed items get a new round; those that wait, by this request or an earlier one, get their rows of today."""
        wanted = None if request.all_failed else tuple(ItemId(item) for item in request.items)
        with self._ledger.transaction() as transaction:
            reopen(transaction, item_queries.failed_items(self._ledger.db, wanted), request.who)
            edit_rows(transaction, request.rows, request.who, again=False)

    def _reject(self, request: spool.Request) -> set[int] | None:
        """Done items get a new round; None: not yet, while a session works on what was made from them."""
        db = self._ledger.db
        found = (acceptance(db, request.phase, item) for item in request.items)
        taken = [each for each in found if each is not None and each.seq <= request.seen]
        if is_busy(db, taken):
            return None
        touched = {request.phase, *(made.phase for made in derived_from_all(db, taken))}
        with self._ledger.transaction() as transaction:
            withdraw(transaction, taken, Word(request.who, request.why, (Reason.said(request.why),)))
        return touched
