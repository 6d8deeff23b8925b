"""The pulse of a running session: when it last gave a sign of life, and what it is waiting for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from harness.base.ids import AttemptId
from harness.core.symptoms import WaitedFor
from harness.core.types import SessionEvent

_PATIENCE_S = 60.0
"""A model that was waited for that long when time ran out is to blame for it; answers begin within seconds."""


@dataclass(slots=True)
class Pulse:
    """Written by the backend as events come, read by the executor's clocks. Times are of the monotonic clock."""

    attempt: AttemptId
    monotonic: Callable[[], float]
    tell: Callable[[SessionEvent], None]
    speaks: bool = True
    """Events are expected of it; False for a command, which may work in silence."""
    started: float = field(init=False)
    last: float = field(init=False)
    waits_for: WaitedFor = field(default="init", init=False)
    tools: set[str] = field(default_factory=set, init=False)
    """Tool calls under way."""
    result_seen: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.started = self.last = self.monotonic()

    def beat(self, waits_for: WaitedFor | None = None) -> None:
        """Anything came: the session lives. `waits_for` = what it now waits for, when that changed."""
        self.last = self.monotonic()
        if waits_for is not None:
            self.waits_for = waits_for

    def rebase(self) -> None:
        """Nothing could come in the time that has passed: every clock begins anew."""
        self.started = self.last = self.monotonic()

    def event(
        self,
        kind: Literal["started", "responded", "tool", "tool_done", "text", "retrying", "output"],
        text: str = "",
    ) -> None:
        self.tell(SessionEvent(self.attempt, kind, text))

    def blamed_for_timeout(self) -> WaitedFor:
        """Who used up the time: the model only if it has been waited for long, else the session itself."""
        if self.waits_for != "model":
            return self.waits_for
        now = self.monotonic()
        waited_long = now - self.last >= min(_PATIENCE_S, (now - self.started) / 2)
        return "model" if waited_long else "tool"
