"""What the server remembers of earlier requests, read back from its log when it starts again."""

import os
from collections.abc import Mapping
from pathlib import Path

from harness.rehearsal.request_log import LoggedRequest, read_log


class RequestHistory:
    """The request log, open for appending, and what is counted from it. `count` is the scene's `ask.count`."""

    def __init__(self, path: Path) -> None:
        self._tagged: dict[str, list[LoggedRequest]] = {}
        self._sessions: dict[str, int] = {}
        self.limit_until = 0.0
        """The latest reset of any usage limit, in seconds since 1970."""
        self.limit_window = ""
        """Which of the plan's windows is full until then."""
        self.past = read_log(path)
        for request in self.past:
            self._remember(request)
        self.next_number = self.past[-1].number + 1 if self.past else 1
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._end_torn_line()

    def append(self, request: LoggedRequest) -> None:
        """One line, handed to the system whole before this returns: it outlives a kill of the server."""
        os.write(self._file, request.to_line())
        self._remember(request)
        self.next_number = request.number + 1

    def correct(self, request: LoggedRequest) -> None:
        """What was billed after all: a line that takes the place of the first one of that number."""
        os.write(self._file, request.to_line())

    def ordinal(self, session: str | None) -> int:
        """The how-manieth session this is, from 1; a new one gets the next number."""
        return self._sessions.get(session or "", len(self._sessions) + 1)

    def count(self, name: str, match: Mapping[str, object]) -> int:
        """Requests tagged `name`. ValueError for a key in `match` that is none."""
        wrong = set(match) - {"phase", "batch", "attempt", "session", "id"}
        if wrong:
            raise ValueError(f"ask.count can match phase, batch, attempt, session and id, got {sorted(wrong)}")
        return sum(_matches(request, match) for request in self._tagged.get(name, ()))

    def sessions_tagged(self, name: str) -> set[str | None]:
        return {request.session for request in self._tagged.get(name, ())}

    def first_tagged_s(self, name: str) -> float | None:
        """When the first of them came, in seconds since 1970; None when there was none."""
        tagged = self._tagged.get(name)
        return tagged[0].time.timestamp() if tagged else None

    def _remember(self, request: LoggedRequest) -> None:
        for tag in request.tags:
            self._tagged.setdefault(tag, []).append(request)
        if request.session:
            self._sessions.setdefault(request.session, len(self._sessions) + 1)
        if request.until is not None and request.until > self.limit_until:
            self.limit_until, self.limit_window = request.until, request.note or ""

    def _end_torn_line(self) -> None:
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")


def _matches(request: LoggedRequest, match: Mapping[str, object]) -> bool:
    return all(value in request.ids if key == "id" else getattr(request, key) == value for key, value in match.items())
