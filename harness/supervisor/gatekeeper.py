"""The gatekeeper of a run: holds, warm caches, rate, ramp and probes; what of a start depends on them."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from harness.base.clock import to_text
from harness.base.ids import AttemptId
from harness.core.claims import is_claim
from harness.core.decide import Snapshot, Start, Stop, Wait
from harness.core.events import AttemptEnded
from harness.core.fault_kinds import FaultKind
from harness.core.gate import CACHE_LIFE_S, Closed, Gate, Passing, closed, held_back, too_long
from harness.core.messages import Message, message
from harness.core.money import to_micro
from harness.core.reserve import reservation
from harness.core.run_events import HoldPlaced
from harness.core.types import SessionEvent
from harness.core.work import AttemptSpec
from harness.ledger import attempt_queries, run_queries
from harness.ledger.group_queries import ReadyGroup
from harness.ledger.waiting_note import WaitingNote
from harness.supervisor import plan_pace
from harness.supervisor.attempt import cap_reached
from harness.supervisor.run_context import RunContext
from harness.supervisor.snapshot import Running, SnapshotReader

_AUTH_PROBE_AFTER = timedelta(seconds=10)
_LOOK_AGAIN = timedelta(seconds=2)
"""Another process has no way to wake this one; its probe takes seconds."""


def says_usage_limit(ended: AttemptEnded) -> bool:
    """Whether the account's limit was recorded, and not only claimed: then it is every job's on this account."""
    is_told = ended.fault == FaultKind.USAGE_LIMIT and ended.blame == "provider"
    return is_told and not is_claim(ended.fault, ended.blame, ended.evidence)


class Gatekeeper:
    """Follows answers, and ends as they were recorded. Holds live in the ledger; all else is forgotten with the run."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._reader = SnapshotReader(run.ledger, run.job.state, run.until, is_synthetic=run.job.answers_are_synthetic)
        self._waiting = WaitingNote(run.job.state)
        self._starts: deque[datetime] = deque()
        self._primed: dict[tuple[int, str | None], float] = {}
        """When the provider last answered a session of that phase and model."""
        self._auth_doubted_by: AttemptId | None = None
        self.gate = Gate.of(run.job.parallel, probing=False)

    def begin(self) -> None:
        """A run begins: what the ledger, or another job, still holds is probed first."""
        job, db, now = self._run.job, self._run.ledger.db, self._run.clock.now()
        hold = self._hold(run_queries.run_state(db).hold, now)
        self.gate = Gate.of(job.parallel, probing=hold is not None)
        remembered = max(1, job.gate.rate.starts if job.gate.rate else 1)
        self._starts = deque(attempt_queries.last_starts(db, remembered), maxlen=remembered)
        self._waiting.forget()

    # before a start ----------------------------------------------------------------------------------------------

    def next_group(self) -> ReadyGroup | None:
        """The one that would start now."""
        return self._reader.read().group

    def next_attempt(self) -> AttemptId:
        """The number that it would have."""
        return self._reader.read().state.next_attempt

    def snapshot(self, running: Running, stop: Stop | None, deadline: datetime | None) -> Snapshot:
        """All that the next step depends on. `deadline`: of this run."""
        job, read, now = self._run.job, self._reader.read(), self._run.clock.now()
        group, state = read.group, read.state
        closing = self._closed(deadline, now)
        is_full = group is not None and plan_pace.is_full(self._run.ledger, group.batch.phase, running.batches)
        return Snapshot(
            next_group=group.id if group else None,
            reservation_microusd=reservation(job, job.phase(group.batch.phase)) if group else 0,
            needs_lead=group is not None and self.needs_lead(group.batch.phase),
            lead_in_flight=running.is_led,
            running=len(running.batches),
            allowed=0 if is_full or running.is_rejected else self.gate.allowed,
            closed=closing,
            hopeless=too_long(closing, deadline, now) if closing else None,
            cap_reached=cap_reached(job, state.used, len(running.batches), group.batch.phase) if group else None,
            paused=state.paused,
            spent_microusd=read.money.spent,
            reserved_microusd=read.money.reserved,
            budget_microusd=to_micro(job.budget) if job.budget is not None else None,
            stop=stop or (Stop("broken", read.broken) if read.broken else None),
        )

    def needs_lead(self, phase: int) -> bool:
        """Whether one start goes ahead and the others wait for its first response."""
        session = self._run.job.phase(phase).session
        is_probing = self.gate.probing or self._is_in_doubt()
        if is_probing or not session.kind.caches_prefix:
            return is_probing
        primed_at = self._primed.get((phase, session.model))
        return primed_at is None or self._run.clock.monotonic() - primed_at > CACHE_LIFE_S

    def probed_elsewhere(self) -> Closed | None:
        """Before a start: what keeps it back while a session of another job probes whether a shared limit is over.

        None: it may begin, as the one probe of all jobs on the credential if there is a doubt.
        """
        shared, now = self._run.shared_holds, self._run.clock.now()
        if shared is None or not shared.is_in_doubt(now) or shared.may_probe(now):
            return None
        return Closed(now + _LOOK_AGAIN, "hold", message("probed_elsewhere"))

    def tell(self, decision: Start | Wait | Stop, closing: Closed | None) -> None:
        """What keeps every start back now goes into a file, for people who look on."""
        self._waiting.tell(closing if isinstance(decision, Wait) and decision.until else None)

    # what it learns ----------------------------------------------------------------------------------------------

    def started(self) -> None:
        """A session starts now."""
        self._starts.append(self._run.clock.now())

    def answered(self, spec: AttemptSpec) -> None:
        """The provider gave this session its first response, or its last: the cache is warm."""
        if self._run.shared_holds is not None:
            self._run.shared_holds.answered(self._run.clock.now())
        self._primed[spec.work.batch.phase, spec.session.model] = self._run.clock.monotonic()
        self.gate = self.gate.after_answer()

    def used(self, event: SessionEvent) -> None:
        """A session told how far the plan is used: there may be a reserve to keep."""
        if event.kind == "limit" and (reserve := held_back(self._run.job.gate, event)):
            self._place_hold(event.attempt, *reserve)

    def ended(self, spec: AttemptSpec, ended: AttemptEnded, *, has_answered: bool) -> None:
        """An attempt is settled. What was recorded counts, never what its session said."""
        if is_claim(ended.fault, ended.blame, ended.evidence):
            self.gate = self.gate.after_claim()
        elif ended.blame == "provider":
            self.gate = self.gate.after_provider_fault()
        elif ended.blame in (None, "item", "session"):
            self.gate = self.gate.after_success()
            self._auth_doubted_by = None
            if has_answered:
                self.answered(spec)

    def is_probed_once_more(self, ended: AttemptEnded, running: Iterable[AttemptId]) -> bool:
        """A credential that has worked in this run gets one probe before the run stops."""
        attempt = AttemptId(ended.attempt)
        if ended.fault != FaultKind.AUTH or not self._primed:
            return False
        if self._auth_doubted_by is None:
            self._auth_doubted_by = max([attempt, *running])
            self.gate = self.gate.after_provider_fault()
            self._place_hold(attempt, self._run.clock.now() + _AUTH_PROBE_AFTER, message("credential_refused"))
        return attempt <= self._auth_doubted_by

    def committed(self, ended: AttemptEnded) -> None:
        """The end of an attempt is durable: a limit that it met holds other jobs on the same credential, too."""
        hold = run_queries.run_state(self._run.ledger.db).hold if says_usage_limit(ended) else None
        if self._run.shared_holds is not None and hold is not None:
            self._run.shared_holds.place(*hold)

    def end_probe(self) -> None:
        """The probe has ended, and what it met is shared; or the run is over."""
        if self._run.shared_holds is not None:
            self._run.shared_holds.end_probe()

    # holds ---------------------------------------------------------------------------------------------------------

    def _closed(self, deadline: datetime | None, now: datetime) -> Closed | None:
        """What keeps the gate closed the longest."""
        job, read = self._run.job, self._reader.read()
        hold = self._hold(read.state.hold, now)
        closing = closed(Passing(job.gate, hold, self._starts, self.gate.allowed < self.gate.parallel, deadline), now)
        slower = plan_pace.closed(job, self._run.ledger, read.group.batch.phase, now) if read.group else None
        return max((each for each in (closing, slower) if each), key=lambda each: each.until, default=None)

    def _hold(self, own: tuple[datetime, Message] | None, now: datetime) -> tuple[datetime, Message] | None:
        """The latest of this job's hold, one that another job on the same credential has met, and a renewal of that."""
        shared = self._run.shared_holds.current(now) if self._run.shared_holds else None
        renewal = self._run.supply.hold(now) if self._run.supply else None
        return max((hold for hold in (own, shared, renewal) if hold), key=lambda hold: hold[0], default=None)

    def _is_in_doubt(self) -> bool:
        shared = self._run.shared_holds
        return shared is not None and shared.is_in_doubt(self._run.clock.now())

    def _place_hold(self, attempt: AttemptId, until: datetime, why: Message) -> None:
        hold = run_queries.run_state(self._run.ledger.db).hold
        if hold is None or hold[0] < until:
            self._run.ledger.record(HoldPlaced(attempt, "", to_text(until), why))
