"""The content-addressed store: `artifacts/ab/abcdef...`, write once, verified on reading."""

import hashlib
import threading
from pathlib import Path

from harness.base.errors import LedgerDamagedError
from harness.base.files import make_folder, remove_half_written, sync_folder, write_atomic
from harness.base.ids import Sha


def sha_of(content: bytes) -> Sha:
    return Sha(hashlib.sha256(content).hexdigest())


class ArtifactStore:
    """Frozen outputs and accepted fragments of one job, under `root`. Threads may share it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._shelves: set[Path] = set()
        """Those that are durable, as far as this process knows; a killed one may have left others."""
        self._making = threading.Lock()

    def path(self, sha: Sha) -> Path:
        return self.root / sha[:2] / sha

    def put(self, content: bytes) -> Sha:
        """Store `content`; durable when it returns. The same content twice is one file."""
        sha = sha_of(content)
        path = self.path(sha)
        self._make_shelf(path.parent)
        if path.exists():
            sync_folder(path.parent)  # whoever put it there may have been killed before its name was durable
        else:
            write_atomic(path, content, mode=0o400, staging=self.root)
        return sha

    def _make_shelf(self, shelf: Path) -> None:
        with self._making:
            if shelf not in self._shelves:
                if not self._shelves:  # only once: should the job's folder be moved, nothing is put where it was
                    make_folder(self.root)
                shelf.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self.root)
                self._shelves.add(shelf)

    def tidy(self) -> None:
        """Remove half files of an earlier process that was killed; only for the one process that writes."""
        remove_half_written(self.root)

    def get(self, sha: Sha) -> bytes:
        """The content. LedgerDamagedError when it is missing or is not what was stored."""
        path = self.path(sha)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise LedgerDamagedError(f"artifact {sha} is missing from {self.root}") from None
        if sha_of(content) != sha:
            raise LedgerDamagedError(f"artifact {path} has been changed: its content is not what was stored")
        return content
