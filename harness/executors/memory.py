"""What sessions hold where no folder of theirs shows it: memory, files and folders in memory, files without a name.

Not seen are files without a name that no process has open (on their way through a socket, or mapped and closed), and
pages of shared mappings that were given back; only a cgroup would count those. What is left of the machine shows them.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.base.processes import IS_LINUX, resident_bytes
from harness.core.messages import Message, message

_MIB = 1 << 20
_FOLDERS = ("/tmp", "/dev/shm")  # noqa: S108  a sandbox's own
_IN_DANGER = 10
"""Per cent of the machine's memory; below that much left the largest session ends."""

_LARGE_BYTES = 512 * _MIB
_LARGE_SHARE = 16
"""Of the machine: a session below both is never ended for what others take. An honest one has some 200 MiB."""

_SETTLED_S = 5.0
"""What the kernel gets to take back the memory of an ended session, before another one would be ended."""


def held_bytes(pids: Sequence[int], above: int) -> int:
    """What these processes of one session hold together, but for files in memory; exact only above `above`."""
    shared = _folders_in_memory(pids) if IS_LINUX else 0
    return shared + resident_bytes(pids, max(0, above - shared))


def nameless_bytes(pids: Iterable[int]) -> tuple[int, int]:
    """In memory (what memfd_create() made) and on disk (unlinked, or never linked): what the open files without a name
    take, each once, however many have it open."""
    sizes: dict[tuple[int, int], tuple[bool, int]] = {}
    for pid in pids if IS_LINUX else ():
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208  for every process, every second
                path = f"/proc/{pid}/fd/{name}"
                with suppress(OSError):
                    found = os.stat(path)  # noqa: PTH116
                    if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                        sizes[found.st_dev, found.st_ino] = _is_memory(path), found.st_blocks * 512
    in_memory = sum(size for is_memory, size in sizes.values() if is_memory)
    return in_memory, sum(size for _, size in sizes.values()) - in_memory


def _is_memory(path: str) -> bool:
    with suppress(OSError):  # the name of an unlinked file may be too long to be told
        return os.readlink(path).startswith("/memfd:")  # noqa: PTH115
    return False


def machine() -> tuple[int, int]:
    """Bytes of memory that can still be had, and of all there is; (1, 1) where that is not told."""
    with suppress(OSError, ValueError, KeyError, IndexError):
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024, int(lines["MemTotal"].split()[0]) * 1024
    return 1, 1


@dataclass
class Neighbours:
    """The running sessions side by side: when the machine has hardly any memory left, the largest one has to go."""

    look: Callable[[], tuple[int, int]] = machine
    monotonic: Callable[[], float] = time.monotonic
    _held: dict[str, int] = field(default_factory=dict)
    _settled_at: float = 0.0

    def excess(self, session: str, held: int) -> Message | None:
        """Why this session, which holds so many bytes now, must end; None when it need not."""
        self._held[session] = held
        left, whole = self.look()
        is_large = held >= max(_LARGE_BYTES, whole // _LARGE_SHARE) and held == max(self._held.values())
        if left * 100 >= whole * _IN_DANGER or not is_large or self.monotonic() < self._settled_at:
            return None
        self._settled_at = self.monotonic() + _SETTLED_S
        return message("most_memory", mib=held // _MIB, left_mib=left // _MIB)

    def leave(self, session: str) -> None:
        """It has ended."""
        self._held.pop(session, None)


def _folders_in_memory(pids: Iterable[int]) -> int:
    """What lies in folders in memory that are not this machine's own."""
    ours = {_device(folder) for folder in _FOLDERS}
    sizes: dict[int, int] = {}
    for pid in pids:
        for folder in _FOLDERS:
            path = f"/proc/{pid}/root{folder}"
            device = _device(path)
            if device is not None and device not in ours and device not in sizes:
                with suppress(OSError):
                    state = os.statvfs(path)
                    sizes[device] = (state.f_blocks - state.f_bfree) * state.f_frsize
    return sum(sizes.values())


def _device(path: str) -> int | None:
    with suppress(OSError):
        return os.stat(path).st_dev  # noqa: PTH116
    return None
