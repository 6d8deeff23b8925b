"""A transcript that is read while it grows: recorded line by line as other streams are, and understood."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from harness.backends.cli_stream import StreamReading
from harness.backends.session import SessionStart
from harness.backends.session_record import Recorder, Redactor
from harness.backends.transcript import Transcript, Translation
from harness.backends.transport import Line
from harness.backends.usage_count import Count
from harness.base.folder_watch import FolderWatch
from harness.core.messages import Message
from harness.core.models import full_name


class FollowedTranscript:
    """What a session wrote down of itself."""

    def __init__(self, start: SessionStart) -> None:
        spec = start.spec
        self.count = Count.of(spec)
        self.reading = StreamReading.of(spec, start.pulse, self.count)
        self.translation = Translation(spec.session_id, full_name(spec.session.model) if spec.session.model else None)
        self._transcript = Transcript(start.paths.config, spec.session_id)

    @property
    def excess(self) -> Message | None:
        """What it had too much of."""
        return self._transcript.excess

    def open(self, stream: Recorder, redactor: Redactor) -> None:
        """Where its lines are recorded from now on."""
        self._stream, self._redactor = stream, redactor

    def take_entries(self) -> None:
        """Those that were added since."""
        for entry in self._transcript.entries():
            for line in self.translation.lines(entry):
                self.take(line)

    def take(self, line: Line) -> None:
        raw = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        self._stream.write(raw)
        self.reading.take(json.loads(self._redactor.clean(raw)))

    async def watch(self, beside: Path, stir: Callable[[], None], stop: asyncio.Event) -> None:
        """Take what comes until `stop`; `stir` is called each time, also for what comes into the folder `beside`."""
        with FolderWatch() as watch:
            while not stop.is_set():
                is_new = watch.watch((beside, *self._transcript.folders))
                self.take_entries()
                stir()
                if not is_new:
                    await watch.changed(stop)
