"""Keeps batch_progress.json up to date without being busy with it."""

from pathlib import Path

from harness.base.clock import Clock
from harness.ledger import progress
from harness.ledger.store import Ledger

_SHORTEST_S = 0.5
_SHARE = 20


class ProgressWriter:
    """Writes the projection at most every `max(0.5 s, 20 x the last write)`, and at once when told to."""

    def __init__(self, path: Path, ledger: Ledger, clock: Clock) -> None:
        self._path = path
        self._ledger = ledger
        self._clock = clock
        self._is_stale = True
        self._not_before = 0.0

    def note(self) -> None:
        """Something changed."""
        self._is_stale = True

    def due_in_s(self) -> float | None:
        return max(0.0, self._not_before - self._clock.monotonic()) if self._is_stale else None

    def write_if_due(self) -> None:
        if self.due_in_s() == 0.0:
            self.write()

    def write(self) -> None:
        """Write now; a failure to write this file never ends a run."""
        began = self._clock.monotonic()
        self._is_stale = False
        try:
            progress.write(self._path, progress.build(self._ledger.db, self._clock.now()))
        except OSError:
            self._is_stale = True
        took = self._clock.monotonic() - began
        self._not_before = self._clock.monotonic() + max(_SHORTEST_S, _SHARE * took)
