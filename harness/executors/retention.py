"""What a job keeps of its attempts, bounded: a session that fails ten times must not fill the disk ten times.

The last try of a batch stays whole. Of an earlier one its output, stream and errors stay; the rest of its work folder
goes when that holds more than 1 MiB. When all attempts together hold more than a job may keep, work folders go too, of
earlier tries first, the oldest first; never of one that runs, or that was lost and is not yet settled.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Final

from harness.core.messages import Message, message
from harness.core.names import file_name_for
from harness.core.seam import CONTEXT_FILE, ITEMS_FILE
from harness.executors.attempt_folder import AttemptFolder

MOST_BYTES: Final = 20 << 30
SHARE_OF_FREE: Final = 10
"""A job keeps at most 20 GiB, or a tenth of what was free on its disk when the run first asked; the smaller counts."""

_WORTH_IT: Final = 1 << 20
_NAME: Final = re.compile(r"(\d+)-(p\d+-b.+)")


class Keeping:
    """The attempts of one job, for the length of a run. Its methods may be called from several threads."""

    def __init__(
        self, attempts: Path, folder_at: Callable[[Path], AttemptFolder], most_bytes: int | None = None
    ) -> None:
        self._attempts = attempts
        self._folder_at = folder_at
        self._most = most_bytes
        self._sizes: dict[str, int] = {}
        self._total = 0
        self._tries: dict[str, list[str]] = {}
        """Label of a batch -> names of the attempts at it. With the total kept too, an end costs the same after
        thousands of others as after one."""
        self._lock = Lock()
        self._is_measured = False

    def ended(self, folder: Path) -> list[Message]:
        """To be told of each attempt that has ended; makes room, and returns notes. Never raises for what is there."""
        with self._lock:
            self._begin(folder.name)
            self._note(folder.name, size_of(folder))
            earlier = [name for name in self._tries[_label(folder.name)] if name < folder.name]
            reduced = [name for name in earlier if self._sizes[name] > _WORTH_IT and self._reduce(name)]
            reduced += self._make_room(folder.name)
        return [message("work_folders_reduced", folders=len(reduced))] if reduced else []

    def _begin(self, running: str) -> None:
        """Attempts of earlier runs are measured once, beside everything else: there may be very many."""
        if self._is_measured:
            return
        self._is_measured = True
        if self._most is None:
            with suppress(OSError):
                free = shutil.disk_usage(self._attempts).free
                self._most = min(MOST_BYTES, free // SHARE_OF_FREE)
        Thread(target=self._measure, args=(running,), daemon=True).start()

    def _measure(self, running: str) -> None:
        for folder in _folders(self._attempts):
            if folder.name != running:
                size = size_of(folder)
                with self._lock:
                    if folder.name not in self._sizes:
                        self._note(folder.name, size)

    def _note(self, name: str, size: int) -> None:
        if name not in self._sizes:
            self._tries.setdefault(_label(name), []).append(name)
        self._total += size - self._sizes.get(name, 0)
        self._sizes[name] = size

    def _make_room(self, newest: str) -> list[str]:
        most = MOST_BYTES if self._most is None else self._most
        total = self._total
        if total <= most:
            return []
        last = {_label(name): name for name in sorted(self._sizes)}
        order = sorted(self._sizes, key=lambda name: (last[_label(name)] == name, name))
        done = []
        for name in order:
            before = self._sizes[name]
            if total > most and name != newest and before > 0 and self._reduce(name):
                done.append(name)
                total -= before - self._sizes[name]
        return done

    def _reduce(self, name: str) -> bool:
        """True when that made it smaller."""
        before, folder = self._sizes[name], self._attempts / name
        try:
            is_reduced = reduce(self._folder_at(folder))
        except OSError:
            return False
        self._note(name, size_of(folder))
        return is_reduced and self._sizes[name] < before


def reduce(attempt: AttemptFolder) -> bool:
    """Leave the output files in the work folder of an attempt, and what it was given; False when it is not over yet."""
    if attempt.config.exists() or attempt.tmp.exists() or not attempt.work.is_dir() or attempt.work.is_symlink():
        return False
    attempt.put_away()  # earlier versions left the copies of inputs
    return attempt.workspace.remove(attempt.work, list(_outputs(attempt)))


def size_of(folder: Path) -> int:
    """Bytes on disk of all in it; links are not followed."""
    total, waiting = 0, [str(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total


def _outputs(attempt: AttemptFolder) -> Iterator[str]:
    yield from (ITEMS_FILE, CONTEXT_FILE, "usage.json")
    with suppress(OSError, ValueError, KeyError, TypeError):
        spec = json.loads(attempt.spec.read_bytes())
        pattern = spec["output"]["file"]
        ids = [item["id"] for item in spec["items"]] if spec["output"]["shape"] == "files" else [""]
        yield from (file_name_for(pattern, id_) if id_ else pattern for id_ in ids)


def _folders(attempts: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from sorted(path for path in attempts.iterdir() if _NAME.fullmatch(path.name))


def _label(name: str) -> str:
    found = _NAME.fullmatch(name)
    return found[2] if found else name
