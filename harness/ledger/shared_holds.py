"""Holds that all jobs on one credential see: a usage limit met by one job is waited for by the others.

    $XDG_STATE_HOME/harness/holds/<fingerprint>/<random>.json     {"until", "reason", "set_by", "why"}

Every hold is a file of its own, renamed into place: writers need no lock, none can undo another's, and readers take
the longest. A job's own holds are in its ledger; the folder only saves starts, so anything malformed in it is no hold.
`why` is a message; `reason` is its kind, which versions without messages show. A hold that has ended stays until the
provider has answered a session: the job with the kernel lock on `probe` beside it asks first, with one session, and all
others wait for that.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from harness.base.clock import from_text, to_text
from harness.base.files import make_folder, sync_folder, write_atomic
from harness.core.messages import Message, message, message_from

_LONGEST = timedelta(days=9)
"""No plan's window is longer than a week: a hold beyond it comes from a wrong clock or a wrong hand."""
_LONGEST_FILE_BYTES = 4096
_LONGEST_TEXT = 200


def state_home(environ: Mapping[str, str], home: Path) -> Path:
    """The folder of this user that all jobs share: `$XDG_STATE_HOME/harness`, else `~/.local/state/harness`."""
    chosen = environ.get("XDG_STATE_HOME", "")
    return (Path(chosen) if chosen.startswith("/") else home / ".local" / "state") / "harness"


@dataclass(frozen=True, slots=True)
class _Hold:
    until: datetime
    message: Message
    set_by: str
    path: Path


class SharedHolds:
    """The holds of one credential. `folder` is `state_home`; `set_by` names this job to the others."""

    def __init__(self, folder: Path, fingerprint: str, set_by: str = "") -> None:
        self._folder = folder / "holds" / fingerprint
        self._set_by = set_by
        self._probe = -1
        """Descriptor of the file `probe` while this job has the lock on it."""

    def place(self, until: datetime, why: Message) -> bool:
        """Let no job start before `until`; durable when it returns. A longer hold that lies there stays in force.

        False when the folder cannot be written: then only this job holds.
        """
        known = list(self._read())
        if any(hold.until == until and hold.set_by == self._set_by for hold in known):
            return True
        content = {
            "until": to_text(until),
            "reason": why.kind,  # what versions without `why` show
            "set_by": _line(self._set_by),
            "why": why.as_json(),
        }
        try:
            make_folder(self._folder)
            write_atomic(self._folder / f"{secrets.token_hex(8)}.json", json.dumps(content).encode())
            for above in (self._folder.parent, self._folder.parent.parent):  # the folders may be as new as the file
                sync_folder(above)
            for hold in known:
                if hold.until <= until:
                    hold.path.unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def current(self, now: datetime) -> tuple[datetime, Message] | None:
        """The end and the reason of the longest hold in force at `now`. Takes 2 us when there is none, 17 with one."""
        in_force = [hold for hold in self._read() if now < hold.until <= now + _LONGEST]
        if not in_force:
            return None
        longest = max(in_force, key=lambda hold: hold.until)
        is_ours = longest.set_by in ("", self._set_by)
        met = message("met_elsewhere", hold=longest.message.as_json(), job=longest.set_by)
        return longest.until, longest.message if is_ours else met

    def is_in_doubt(self, now: datetime) -> bool:
        """A hold has ended, and nobody knows yet whether the limit has."""
        return any(hold.until <= now for hold in self._read())

    def may_probe(self, now: datetime) -> bool:
        """Whether this job may be the one that asks; no other may then until `end_probe`, or until this process ends.

        True where the folder cannot be written: then each job asks for itself.
        """
        if self._probe < 0:
            try:
                self._probe = os.open(
                    self._folder / "probe", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
                )
                fcntl.flock(self._probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.end_probe()
                return False
            except OSError:
                self.end_probe()
        if self.current(now) is None:
            return True
        self.end_probe()  # another job's probe has met the limit meanwhile
        return False

    def end_probe(self) -> None:
        """Whatever came of it. Does nothing when this job has none."""
        if self._probe >= 0:
            os.close(self._probe)
            self._probe = -1

    def answered(self, now: datetime) -> None:
        """The provider has answered a session: forget the holds that have ended."""
        self._forget([hold for hold in self._read() if hold.until <= now])
        self.end_probe()

    def lift(self) -> None:
        """Forget all holds that lie there now: a person knows better."""
        self._forget(list(self._read()))

    def _forget(self, holds: Sequence[_Hold]) -> None:
        for hold in holds:
            try:
                hold.path.unlink(missing_ok=True)
            except OSError:
                return

    def _read(self) -> Iterator[_Hold]:
        try:
            paths = [Path(entry) for entry in os.scandir(self._folder) if entry.name.endswith(".json")]
        except OSError:
            return
        for path in paths:
            hold = _read_hold(path)
            if hold is not None:
                yield hold


def _read_hold(path: Path) -> _Hold | None:
    """None for whatever is no hold of ours: cut short, of another shape, a link, a pipe, too long."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = json.loads(file.read(_LONGEST_FILE_BYTES))
        why = message_from(found.get("why", _line(found["reason"])))
        return _Hold(from_text(found["until"]), why, _line(found["set_by"]), path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _line(text: str) -> str:
    """One printable line; what another program wrote goes to a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)[:_LONGEST_TEXT]
