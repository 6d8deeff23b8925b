"""What was seen of one session, as fields: the input of the fault table."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal

from harness.core.messages import Message
from harness.core.types import Json

WaitedFor = Literal["init", "model", "tool"]
"""What a session was waiting for when a clock ran out: its own start, an answer, or its own doing."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The provider's own word on a limit, from a `rate_limit_event`."""

    status: str
    """allowed, allowed_warning or rejected."""
    resets_at: datetime | None = None
    type: str | None = None
    """five_hour, seven_day, ..."""


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What was seen of one session: structured fields, as they came; None = not seen."""

    exit_code: int | None = None
    signal: int | None = None
    """The signal that ended the process, unless it was ours."""
    errno: int | None = None
    """Of the OSError that kept the session from starting or from being recorded."""
    is_error: bool | None = None
    """Of the last result line; False also for a command that exited with 0; None = no result."""
    subtype: str | None = None
    terminal_reason: str | None = None
    api_error_status: int | None = None
    api_error: str | None = None
    assistant_error: str | None = None
    stop_reason: str | None = None
    rate_limit: RateLimit | None = None
    clock: Literal["first_event", "silence", "timeout"] | None = None
    """The clock that ran out."""
    waited_for: WaitedFor | None = None
    """Set together with `clock`."""
    denials: tuple[str, ...] = ()
    produced: bool = False
    """Some output file was frozen."""
    text: str = ""
    """The synthetic result, when the CLI marks it as its own; empty otherwise."""
    stderr: str = ""
    """Its last line on standard error: shown to people, never matched."""
    lost: bool = False
    """The supervisor died while the session ran."""
    operator: Literal["cancel", "cut"] | None = None
    """The operator asked for the end; `cut` = without grace."""
    suspended: bool = False
    """This machine slept, or this process was stopped, while the session ran."""
    used_tools: bool = False
    """It called a tool: from then on whatever its stream says may be the tool's word."""
    excess: Message | None = None
    """What it took more of than a session may: an `ExcessKind`."""
    missing_input: tuple[str, ...] = ()
    """Items whose file could not be copied for the session: deleted, or out of reach, since the job was planned."""
    missing_folder: str = ""
    """The folder of such a file, when that is not there either."""

    question: str = ""
    """The text of its screen, when the CLI asked something that this program has no answer for."""

    @property
    def ended_well(self) -> bool:
        """The session itself says so; whether an item is done is another question."""
        return self.is_error is False and self.subtype in (None, "success") and self.clock is None and not self.excess

    @property
    def limit(self) -> str | None:
        """`stated` = rejected until a stated reset, `bare` = rejected without one."""
        if self.rate_limit is None or self.rate_limit.status != "rejected":
            return None
        return "stated" if self.rate_limit.resets_at else "bare"


def evidence(symptoms: Symptoms) -> dict[str, Json]:
    """The fields that say something, verbatim, as plain JSON."""
    seen: dict[str, Json] = {}
    for spot in fields(symptoms):
        value = getattr(symptoms, spot.name)
        if isinstance(value, RateLimit):
            resets = value.resets_at.isoformat() if value.resets_at else None
            seen[spot.name] = {"status": value.status, "resets_at": resets, "type": value.type}
        elif isinstance(value, Message):
            seen[spot.name] = value.as_json()
        elif value not in (None, (), "", False) or (spot.name == "is_error" and value is False):
            seen[spot.name] = list(value) if isinstance(value, tuple) else value
    return seen
