"""What holds back every start just now, in a small file for readers: the gate's own state is in no entry.

`.harness/<stem>/waiting.json`: {"until", "why", "message": {"kind", "facts"}}, there while it lasts; valid while a
supervisor lives.
"""

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from harness.base.clock import from_text, to_text
from harness.base.errors import BrokenSetupError
from harness.base.files import write_private
from harness.base.job_home import JobHome
from harness.base.state import open_state
from harness.core.gate import Closed
from harness.core.messages import message_from

_MOST_BYTES = 64 * 1024


class WaitingNote:
    """The supervisor's side. A disk that does not take it costs only that it is not told."""

    def __init__(self, state: Path) -> None:
        self._path = JobHome(state).waiting_note
        self._told: Closed | None = None

    def forget(self) -> None:
        """Nothing is known yet, or any more."""
        self._told = None
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def tell(self, closed: Closed | None) -> None:
        """What closes the gate now; not durable, and only written when it has changed."""
        if closed is None or closed.why == "stagger":
            if self._told is not None:
                self.forget()
        elif closed != self._told:
            self._told = closed
            told = {"until": to_text(closed.until), "why": closed.why, "message": closed.message.as_json()}
            with suppress(OSError):
                write_private(self._path, json.dumps(told).encode())


def what_is_waited_for(state: Path, now: datetime) -> Closed | None:
    """What the supervisor said last, as long as that is to come; None for a file that is not whole, too."""
    try:
        with os.fdopen(open_state(JobHome(state).waiting_note, os.O_RDONLY), "rb") as file:
            told = json.loads(file.read(_MOST_BYTES))
        closed = Closed(from_text(told["until"]), told["why"], message_from(told["message"]))
    except (OSError, BrokenSetupError, ValueError, KeyError, TypeError):
        return None
    return closed if closed.until > now else None
