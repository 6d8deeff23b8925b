"""When a start is allowed, and when it is due: the gate once more, from outside, sharing no code with the product's."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from harness.core.events import AttemptStarted
from harness.job.bounds import Bounds
from tests.simulation.sessions import Session
from tests.simulation.virtual import VirtualClock

_STAGGER_S = 1.0
_CACHE_S = 300.0
_LONGEST_NAP_S = 31.0
"""The product looks at the wall clock every 30 s while it is held."""
_SLACK_S = 0.01
"""The ledger's times are cut to the millisecond."""


@dataclass(slots=True)
class Doorkeeper:
    """Counts what may run at once, and knows every hold."""

    parallel: int
    allowed: int = 0
    is_probing: bool = False
    probes: set[int] = field(default_factory=set)
    """Attempts that started since the probing began and were not answered yet."""
    hold: datetime | None = None
    shared: datetime | None = None
    """The hold that another job placed."""
    starts: deque[tuple[float, datetime]] = field(default_factory=lambda: deque(maxlen=50))
    """Monotonic and wall time of the last starts."""

    began_s: float = 0.0
    answers: dict[int, float] = field(default_factory=dict)
    """Phase -> when the provider answered a session of it last, in this run."""
    leads: set[int] = field(default_factory=set)
    """Attempts that started while nothing of their phase was in the cache."""

    rejected: set[int] = field(default_factory=set)
    """Attempts that a limit has refused and that have not ended."""

    is_unsure: bool = False
    """Killed as it lifted a hold: whether other jobs, and so the next run, still see that hold is not in the ledger."""

    def __post_init__(self) -> None:
        self.allowed = self.allowed or self.parallel

    def of_next_run(self, parallel: int, clock: VirtualClock) -> "Doorkeeper":
        """A run that begins after a hold begins with one probe."""
        now = clock.now() + timedelta(seconds=_SLACK_S)
        is_probing = self.hold is not None or (self.shared is not None and now < self.shared)
        allowed = 1 if is_probing else parallel
        return Doorkeeper(parallel, allowed, is_probing, set(), self.hold, self.shared, self.starts, clock.monotonic())

    def held(self, until: datetime) -> None:
        self.hold = max(until, self.hold) if self.hold else until

    def held_elsewhere(self, until: datetime) -> None:
        self.shared = max(until, self.shared) if self.shared else until

    def answered(self, phase: int, clock: VirtualClock) -> None:
        """Also another job's hold that is over is forgotten: a clock that is set back does not bring it again."""
        self.answers[phase] = clock.monotonic()
        if self.shared is not None and self.shared <= clock.now():
            self.shared = None
        self.is_probing = False
        self.probes.clear()

    def ended(self, session: Session, blame: str, clock: VirtualClock, *, is_claim: bool) -> None:
        """A fault of the provider halves what may run, every other end but the host's and the operator's doubles it; a
        word after a tool call is looked into by one start. `blame` is what was recorded."""
        self.probes.discard(session.attempt)
        self.rejected.discard(session.attempt)
        if is_claim:
            self.is_probing = True
        elif blame == "provider":
            self.halve()
        elif blame in ("item", "session"):
            self.allowed, self.is_probing = min(self.parallel, self.allowed * 2), False
            if session.has_answered:
                self.answered(session.phase, clock)

    def halve(self) -> None:
        self.allowed, self.is_probing = max(1, self.allowed // 2), True

    def is_held(self, now: datetime) -> bool:
        return any(hold is not None and now < hold for hold in (self.hold, self.shared))

    def started(self, event: AttemptStarted, open_now: int, is_led: bool, bounds: Bounds, clock: VirtualClock) -> None:
        """V10: no start during a hold, outside the window, late, above the rate or the ramp, or beside the lead.

        `is_led`: another session of the phase that went ahead waits for its first answer.
        """
        now, at = clock.now(), clock.monotonic()
        assert not self.is_held(now + timedelta(seconds=_SLACK_S)), (
            f"V10: a start at {now}, held until {self.hold}, elsewhere {self.shared}"
        )
        assert not self.rejected, f"V10: a start while {self.rejected} were refused by a limit and had not ended"
        assert open_now <= self.allowed, f"V10: {open_now} sessions, the ramp allows {self.allowed}"
        assert bounds.window is None or _is_inside(bounds, now), f"V10: a start at {now}, outside the window"
        self._check_rate(bounds, clock)
        if bounds.deadline is not None and isinstance(bounds.deadline.at, timedelta):
            is_late = at >= self.began_s + bounds.deadline.at.total_seconds() + _SLACK_S
            assert not is_late or clock.has_jumped_since(self.began_s), "V10: a start after the deadline"
        is_warm = at - self.answers.get(event.phase, -_CACHE_S) < _CACHE_S
        if not is_warm:
            self.leads.add(event.attempt)
        assert is_warm or not is_led, f"V10: a second start in phase {event.phase} before its lead was answered"
        if self.is_probing:
            self.probes.add(event.attempt)
            assert len(self.probes) == 1, "V10: a second start before the probe was answered"
        if self.allowed < self.parallel and self.starts and not clock.has_jumped_since(at - _STAGGER_S):
            assert at - self.starts[-1][0] >= _STAGGER_S - _SLACK_S, (
                "V10: two starts at once while the gate opens again"
            )
        self.starts.append((at, now))

    def _check_rate(self, bounds: Bounds, clock: VirtualClock) -> None:
        if bounds.rate is None:
            return
        since = clock.monotonic() - bounds.rate.per.total_seconds() + _SLACK_S
        recent = [at for at, _ in self.starts if at > since]
        is_within = len(recent) < bounds.rate.starts or clock.has_jumped_since(since)
        assert is_within, f"V11: {len(recent) + 1} starts within {bounds.rate}"

    def is_open(self, open_now: int, bounds: Bounds, clock: VirtualClock) -> bool:
        """Would a start be allowed now? In doubt, no."""
        now, at = clock.now(), clock.monotonic()
        span_s = bounds.rate.per.total_seconds() if bounds.rate else 0.0
        if (
            self.rejected
            or self.is_held(now)
            or open_now >= self.allowed
            or clock.has_jumped_since(at - 2 * span_s - _LONGEST_NAP_S)
        ):
            return False
        if bounds.window is not None and not _is_inside(bounds, now):
            return False
        if bounds.rate is not None:
            since = at - span_s - _SLACK_S
            if sum(start > since for start, _ in self.starts) >= bounds.rate.starts:
                return False
        is_ramping = self.allowed < self.parallel
        if not (is_ramping and self.starts):
            return True
        began = self.starts[-1][0]  # a clock that was set back may show the second of that start once more
        return at - began > _STAGGER_S + _SLACK_S and not clock.has_jumped_since(began)


def _is_inside(bounds: Bounds, now: datetime) -> bool:
    assert bounds.window is not None
    opens, closes, clock = bounds.window.opens_at, bounds.window.closes_at, now.time()
    return opens <= clock < closes if opens <= closes else clock >= opens or clock < closes
