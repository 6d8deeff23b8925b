"""The simulated disk: real files whose fsyncs are remembered, so that a loss of power can take what was not synced."""

import errno
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class SimulatedDisk:
    """Stands in for os.fsync, os.unlink, os.replace and os.rename below one folder, while `installed`.

    A file's content survives a loss of power as far as it was fsynced, a name if its folder was fsynced since.
    SQLite's own file is trusted: the ledger of the simulation is in memory.
    """

    def __init__(self, root: Path, rng: random.Random, *, remembers: bool) -> None:
        self._root = root
        self._rng = rng
        self._remembers = remembers
        self._sizes: dict[int, int] = {}
        """Inode -> bytes that are durable."""
        self._names: dict[str, dict[str, int]] = {}
        """Folder -> names that are durable, and their inodes."""
        self._contents: dict[str, bytes] = {}
        """Path -> what is durable under that name. Not by inode: that of a file that is gone is given to another."""
        self.is_dead = False
        """The process was killed: it can do nothing to the disk any more, not even tidy up."""
        self.is_full: Callable[[], bool] = lambda: False
        self.around_fsync: Callable[[], None] = lambda: None
        """The simulation kills here."""

    @contextmanager
    def installed(self) -> Iterator[None]:
        unlink, replace, rename, fsync = os.unlink, os.replace, os.rename, os.fsync
        os.fsync = self._fsync  # type: ignore[assignment]
        os.unlink, os.replace, os.rename = (self._living(each) for each in (unlink, replace, rename))
        try:
            yield
        finally:
            os.unlink, os.replace, os.rename, os.fsync = unlink, replace, rename, fsync

    @contextmanager
    def of_another_process(self) -> Iterator[None]:
        """Nobody is killed here, and whoever finds the disk full tries until it is not."""
        kept = self.is_full, self.around_fsync
        self.is_full, self.around_fsync = lambda: False, lambda: None
        try:
            yield
        finally:
            self.is_full, self.around_fsync = kept

    def _living(self, call: Callable[..., None]) -> Callable[..., None]:
        def guarded(*arguments: object, **named: object) -> None:
            if not self.is_dead:
                call(*arguments, **named)

        return guarded

    def _fsync(self, descriptor: int) -> None:
        if self.is_dead:
            return
        if self.is_full():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.around_fsync()
        if self._remembers:
            self._remember(descriptor)

    def _remember(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            self._sizes[status.st_ino] = status.st_size
        else:
            self.remember_names(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    def remember_names(self, folder: str) -> None:
        """The names in a folder are durable now."""
        before = self._names.get(folder, {})
        entries = [entry for entry in os.scandir(folder) if not entry.name.endswith(".tmp")]
        self._names[folder] = {entry.name: entry.inode() for entry in entries}
        for entry in entries:
            if entry.name.endswith(".json") and before.get(entry.name) != entry.inode() and entry.is_file():
                self._contents[entry.path] = Path(entry.path).read_bytes()

    def lose_power(self) -> None:
        """Whatever was not synced may be gone, may be torn, or may be there."""
        if self._remembers:
            self._lose(self._root)

    def _lose(self, folder: Path) -> None:
        durable = self._names.get(str(folder), {})
        for entry in sorted(os.scandir(folder), key=lambda each: each.name):
            path = Path(entry.path)
            if entry.is_dir():
                self._lose(path)
            else:
                self._tear(path, entry.inode())
            if durable.get(entry.name) != entry.inode() and self._rng.random() < 0.5:
                self._forget(path, durable.get(entry.name))

    def _tear(self, path: Path, inode: int) -> None:
        size, synced = path.stat().st_size, self._sizes.get(inode, 0)
        if size > synced:
            path.chmod(0o600)
            os.truncate(path, self._rng.randint(synced, size))

    def _forget(self, path: Path, before: int | None) -> None:
        """The name goes back to what it was when its folder was synced last."""
        if path.is_dir():
            shutil.rmtree(path)
            return
        path.unlink()
        if before is not None and str(path) in self._contents:
            content = self._contents[str(path)]
            path.write_bytes(content)
            self._sizes[path.stat().st_ino] = len(content)
