"""Which job merges into which file: two jobs of this user never share a target, wherever their manifests lie.

    $XDG_STATE_HOME/harness/claims/<digest of the state folder>.json     {"state", "manifest", "targets"}

A job claims its targets before it plans or starts anything. A claim holds while its state folder has a ledger; that of
a finished job only as long as the file is there, which then is refused like any other that somebody else has written.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.base.errors import HarnessError
from harness.base.files import make_folder, write_atomic
from harness.base.job_home import JobHome
from harness.base.marks import state_digest
from harness.ledger.item_queries import has_open_items
from harness.ledger.lock import is_held
from harness.ledger.store import opened_for_reading

_LONGEST_FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TargetConflict:
    """A target of ours into which, or around or below which, another job merges."""

    target: Path
    manifest: str
    is_running: bool


class Claims:
    """The claims of this user's jobs; `folder` is the one that all of them share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "claims"

    def claim(self, state: Path, manifest: Path, targets: Sequence[Path]) -> list[TargetConflict]:
        """Claim these targets for the job of this state folder, instead of those it had; or nothing, and who is in the
        way. Where the folder cannot be written nobody is."""
        try:
            with self._alone():
                conflicts = [conflict for target in targets for conflict in self._conflicts(state, target)]
                if not conflicts:
                    content = {"state": str(state), "manifest": str(manifest), "targets": [_real(t) for t in targets]}
                    write_atomic(self._folder / f"{state_digest(state)}.json", json.dumps(content).encode())
                return conflicts
        except OSError:
            return []

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two launches at the same moment look one after the other."""
        make_folder(self._folder)
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _conflicts(self, state: Path, target: Path) -> Iterator[TargetConflict]:
        for path in sorted(self._folder.glob("*.json")):
            claim = _read(path)
            if claim is None or claim.state == state:
                continue
            if any(_overlap(_real(target), theirs) for theirs in claim.targets) and claim.holds(target):
                yield TargetConflict(target, claim.manifest, is_held(JobHome(claim.state).lock))


@dataclass(frozen=True, slots=True)
class _Claim:
    state: Path
    manifest: str
    targets: tuple[str, ...]

    def holds(self, target: Path) -> bool:
        ledger = JobHome(self.state).ledger
        if not ledger.exists():
            return False
        if target.exists() or is_held(JobHome(self.state).lock):
            return True
        try:
            with opened_for_reading(ledger) as db:
                return has_open_items(db)
        except (OSError, HarnessError):
            return True


def _read(path: Path) -> _Claim | None:
    """None for whatever is no claim of ours."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            told = json.loads(file.read(_LONGEST_FILE_BYTES))
        return _Claim(Path(told["state"]), str(told["manifest"]), tuple(map(str, told["targets"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _real(target: Path) -> str:
    """The same for every way to name it: links of its folders followed, letters without case as on some disks."""
    return str(Path(os.path.realpath(target.parent)) / target.name).casefold()


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
