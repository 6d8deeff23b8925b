"""Keeps batch_progress.json and errors.jsonl up to date without being busy with them."""

import asyncio
import sqlite3
from pathlib import Path

from harness.base import error_file
from harness.base.clock import Clock
from harness.ledger import error_lines, progress_file
from harness.ledger.store import Ledger, opened_for_reading
from harness.supervisor.throttled import OffTheLoop, Throttled
from harness.views.reason_words import as_error, reasons_text

_LONGEST_S = 2.0
"""Of reading the ledger for one write. A stop waits for it, and these files can be written another time."""
_STEPS = 20_000
"""Of SQLite's machine, between two looks at the clock: about a millisecond."""


class ProgressWriter:
    """Writes the progress and the errors, throttled while a run lasts, and when told to."""

    def __init__(
        self,
        path: Path,
        ledger: Ledger,
        clock: Clock,
        off_the_loop: OffTheLoop = asyncio.to_thread,
        *,
        errors_path: Path | None = None,
    ) -> None:
        self._path = path
        self._errors_path = errors_path or path.with_name(error_file.NAME)
        self._ledger = ledger
        self._clock = clock
        self._off_the_loop = off_the_loop
        self.throttled = Throttled(self._write_aside, clock, is_stale=True)

    def note(self) -> None:
        """Something changed."""
        self.throttled.note()

    def write_now(self) -> None:
        """Write before this returns; at every stop."""
        self.throttled.forget()
        self._write()

    async def _write_aside(self) -> None:
        await self._off_the_loop(self._write)

    def _write(self) -> None:
        """A failure to write these files, or a ledger that takes too long to read, never ends a run: they can be made
        again. What a person changed in the first is kept."""
        try:
            progress_file.set_aside_edited(self._path, self._ledger.path.parent)
            with opened_for_reading(self._ledger.path) as db:
                self._write_from(db)
        except OSError:
            self.throttled.note()

    def _write_from(self, db: sqlite3.Connection) -> None:
        until = self._clock.monotonic() + _LONGEST_S
        db.set_progress_handler(lambda: self._clock.monotonic() > until, _STEPS)
        try:
            progress_file.write(self._path, progress_file.build(db, self._clock.now(), reasons_text))
            place = error_lines.place_of(self._errors_path, self._ledger.path.parent)
            error_lines.write(place, error_lines.batches_with_errors(db, as_error))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            self.throttled.note()
