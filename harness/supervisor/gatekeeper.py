"""The door that every start passes, as one run keeps it: the gate, whose prefix is in the cache, holds and doubts."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from harness.base.clock import to_text
from harness.base.ids import AttemptId
from harness.core.claims import is_claim
from harness.core.events import AttemptEnded
from harness.core.faults import AUTH, USAGE_LIMIT
from harness.core.gate import CACHE_LIFE_S, Closed, Gate, held_back
from harness.core.messages import Message, message
from harness.core.run_events import HoldPlaced
from harness.core.types import SessionEvent
from harness.core.work import AttemptSpec
from harness.ledger import run_queries
from harness.supervisor.run_context import RunContext

_AUTH_PROBE_AFTER = timedelta(seconds=10)
_LOOK_AGAIN = timedelta(seconds=2)
"""Another process has no way to wake this one; its probe takes seconds."""


def says_usage_limit(ended: AttemptEnded) -> bool:
    """Whether the account's limit was recorded, and not only claimed: then it is every job's on this account."""
    is_told = ended.fault == USAGE_LIMIT and ended.blame == "provider"
    return is_told and not is_claim(ended.fault, ended.blame, ended.evidence)


class Door:
    """Told of answers and ends, it knows how many may run and who goes ahead. Holds live in the ledger."""

    def __init__(self, run: RunContext, wake: Callable[[], None]) -> None:
        self._run = run
        self._wake = wake
        self._primed: dict[tuple[int, str | None], float] = {}
        self._auth_doubted_by: AttemptId | None = None
        self.gate = Gate.of(run.job.parallel, probing=False)

    def open(self) -> None:
        """A run begins: what the ledger, or another job, still holds is probed first."""
        db = self._run.ledger.db
        hold = self._run.hold(run_queries.run_state(db).hold, self._run.clock.now())
        self.gate = Gate.of(self._run.job.parallel, probing=hold is not None)

    @property
    def is_ramping(self) -> bool:
        return self.gate.allowed < self.gate.parallel

    def needs_lead(self, phase: int) -> bool:
        """Whether one start goes ahead and the others wait for its first response."""
        session = self._run.job.phase(phase).session
        is_probing = self.gate.probing or self._is_in_doubt()
        if is_probing or not session.kind.caches_prefix:
            return is_probing
        primed_at = self._primed.get((phase, session.model))
        return primed_at is None or self._run.clock.monotonic() - primed_at > CACHE_LIFE_S

    def probed_elsewhere(self) -> Closed | None:
        """Before a start: what keeps it back while a session of another job looks whether a shared limit is over.

        None: it may begin, as the one probe of all jobs on the credential if there is a doubt.
        """
        shared, now = self._run.shared_holds, self._run.clock.now()
        if shared is None or not shared.is_in_doubt(now) or shared.may_probe(now):
            return None
        return Closed(now + _LOOK_AGAIN, "hold", message("probed_elsewhere"))

    def end_probe(self) -> None:
        """The probe has ended, and what it met is shared; or the run is over."""
        if self._run.shared_holds is not None:
            self._run.shared_holds.end_probe()

    def answered(self, spec: AttemptSpec) -> None:
        """The provider gave this session its first response."""
        if self._run.shared_holds is not None:
            self._run.shared_holds.answered(self._run.clock.now())
        self._primed[spec.work.batch.phase, spec.session.model] = self._run.clock.monotonic()
        self.gate = self.gate.after_answer()
        self._wake()

    def used(self, event: SessionEvent) -> None:
        """A session told how far the plan is used: there may be a reserve to keep."""
        if event.kind == "limit" and (reserve := held_back(self._run.job.gate, event)):
            self._place_hold(event.attempt, *reserve)

    def ended(self, spec: AttemptSpec, ended: AttemptEnded, *, reached_model: bool) -> None:
        """An attempt is settled, as recorded."""
        if is_claim(ended.fault, ended.blame, ended.evidence):
            self.gate = self.gate.after_claim()
        elif ended.blame == "provider":
            self.gate = self.gate.after_provider_fault()
        elif ended.blame in (None, "item", "session"):
            self.gate = self.gate.after_success()
            self._auth_doubted_by = None
            if reached_model:
                self.answered(spec)

    def is_probed_once_more(self, ended: AttemptEnded, running: Iterable[AttemptId]) -> bool:
        """A credential that has worked in this run gets one probe before the run stops."""
        attempt = AttemptId(ended.attempt)
        if ended.fault != AUTH or not self._primed:
            return False
        if self._auth_doubted_by is None:
            self._auth_doubted_by = max([attempt, *running])
            self.gate = self.gate.after_provider_fault()
            self._place_hold(attempt, self._run.clock.now() + _AUTH_PROBE_AFTER, message("credential_refused"))
        return attempt <= self._auth_doubted_by

    def _is_in_doubt(self) -> bool:
        shared = self._run.shared_holds
        return shared is not None and shared.is_in_doubt(self._run.clock.now())

    def _place_hold(self, attempt: AttemptId, until: datetime, why: Message) -> None:
        hold = run_queries.run_state(self._run.ledger.db).hold
        if hold is None or hold[0] < until:
            self._run.ledger.record(HoldPlaced(attempt, "", to_text(until), why))
            self._wake()
