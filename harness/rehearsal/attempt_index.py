"""From a session's id to the attempt it belongs to: reads the spec.json files in the job's state folder."""

import json
from pathlib import Path
from typing import Any

from harness.base.job_home import JobHome


class Attempts:
    """The attempts under `<state>/attempts/`. A folder is read once, when a session asks that none read so far has."""

    def __init__(self, state: Path) -> None:
        self._folder = JobHome(state).attempts
        self._read: set[str] = set()
        self._specs: dict[str, Path] = {}

    def spec(self, session: str | None) -> dict[str, Any] | None:
        """The spec of the attempt whose session this is, fresh from disk; None when there is none."""
        if session is None:
            return None
        if session not in self._specs:
            self._look_for(session)
        path = self._specs.get(session)
        return None if path is None else json.loads(path.read_bytes())

    def _look_for(self, session: str) -> None:
        """Reads unread folders, newest first, until the session is found."""
        try:
            names = [entry.name for entry in self._folder.iterdir() if entry.name not in self._read]
        except FileNotFoundError:
            return
        for name in sorted(names, reverse=True):
            path = self._folder / name / "spec.json"
            try:
                owner = str(json.loads(path.read_bytes())["session_id"])
            except (OSError, ValueError, KeyError):
                continue  # being written, or no attempt: looked at again next time
            self._read.add(name)
            self._specs[owner] = path
            if owner == session:
                return
