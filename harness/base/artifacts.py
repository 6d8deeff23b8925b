"""The content-addressed store, write once, verified on reading: files `artifacts/ab/abcd...`, small ones inline."""

import hashlib
import io
import itertools
import os
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.base.errors import LedgerDamagedError
from harness.base.files import make_folder, named, remove_half_written, sync_folder, write_atomic
from harness.base.ids import Sha

Source = io.BufferedReader | io.BytesIO
"""A content, open for reading."""


def sha_of(content: bytes) -> Sha:
    return Sha(hashlib.sha256(content).hexdigest())


_MOST_MEMORY_BYTES = 1024 * 1024
_A_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Stored:
    """A content that was stored, and its length."""

    sha: Sha
    size_bytes: int


class InlineStore(Protocol):
    """A place for small contents. The ledger is one: `ledger.contents.Contents`."""

    def put(self, sha: Sha, content: bytes) -> bool:
        """Take it, or say False."""
        ...

    def get(self, sha: Sha) -> bytes | None:
        """The content, not verified; None when it is not there."""
        ...


class MemoryStore:
    """An inline store in memory, for what is looked at once: it takes what is not big and keeps nothing."""

    def __init__(self) -> None:
        self._contents: dict[Sha, bytes] = {}

    def put(self, sha: Sha, content: bytes) -> bool:
        if len(content) > _MOST_MEMORY_BYTES:
            return False
        self._contents[sha] = content
        return True

    def get(self, sha: Sha) -> bytes | None:
        return self._contents.get(sha)


class ArtifactStore:
    """Frozen outputs and accepted fragments of one job, under `root` and in the inline store. Threads may share it."""

    def __init__(self, root: Path, inline: InlineStore | None = None) -> None:
        self.root = root
        self._inline = inline
        self._folders: set[Path] = set()
        """Those that are durable, as far as this process knows; a killed one may have left others."""
        self._making = threading.Lock()

    def path(self, sha: Sha) -> Path:
        """Where it is when it is not stored inline. LedgerDamagedError for anything but a hash: it may be any path."""
        if not _A_HASH.fullmatch(sha):
            raise LedgerDamagedError(f"{sha!r:.80} is named as a content but is not a SHA-256 hash")
        return self.root / sha[:2] / sha

    def put(self, content: bytes) -> Sha:
        """Store `content`: durable when this returns or, what the inline store takes, when that says so.

        The same content twice is stored once.
        """
        sha = sha_of(content)
        if self._inline is not None and self._inline.put(sha, content):
            return sha
        path = self.path(sha)
        self._make_folder(path.parent)
        if path.exists():
            sync_folder(path.parent)  # whoever put it there may have been killed before its name was durable
        else:
            write_atomic(path, content, mode=0o400, staging=self.root)
        return sha

    def put_pieces(self, pieces: Iterator[bytes]) -> Stored:
        """`put` for what may be too big for memory: only a megabyte or two of it are there at any moment.

        What the pieces raise is raised, and nothing is left behind.
        """
        first = next(pieces, b"")
        second = next(pieces, b"")
        if not second:
            return Stored(self.put(first), len(first))
        digest, size = hashlib.sha256(), 0
        make_folder(self.root)
        beside = self.root / f".big.{secrets.token_hex(4)}.tmp"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(beside, flags, 0o400), "wb") as file:
                for piece in itertools.chain((first, second), pieces):
                    digest.update(piece)
                    size += len(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            sha = Sha(digest.hexdigest())
            self._make_folder(self.path(sha).parent)
            beside.replace(self.path(sha))
        except BaseException as error:
            beside.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise named(error, self.root) from error
            raise
        sync_folder(self.path(sha).parent)
        return Stored(sha, size)

    def _make_folder(self, folder: Path) -> None:
        with self._making:
            if folder not in self._folders:
                if not self._folders:  # only once: should the job's folder be moved, nothing is put where it was
                    make_folder(self.root)
                folder.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self.root)
                self._folders.add(folder)

    def tidy(self) -> None:
        """Remove half files of an earlier process that was killed; only for the one process that writes."""
        remove_half_written(self.root)

    def get(self, sha: Sha) -> bytes:
        """The content. LedgerDamagedError when it is missing or is not what was stored."""
        with self.open(sha) as source:
            content = source.read()
        if sha_of(content) != sha:
            raise self.changed(sha)
        return content

    def open(self, sha: Sha) -> Source:
        """The content to be read piece by piece, not verified. LedgerDamagedError when it is missing."""
        content = self._inline.get(sha) if self._inline is not None else None
        if content is not None:
            return io.BytesIO(content)
        try:
            return self.path(sha).open("rb")
        except FileNotFoundError:
            raise _damaged(f"the content {sha} is missing from the ledger and from {self.root}") from None

    def changed(self, sha: Sha) -> LedgerDamagedError:
        """What to raise for a content that does not have its hash."""
        return _damaged(f"the content {sha} has been changed: it is not what was stored ({self.root} or the ledger)")


def _damaged(what: str) -> LedgerDamagedError:
    hint = "restore a backup of the whole state folder, or take the item back with `harness reject ITEM` and launch"
    return LedgerDamagedError(what, hint=hint)
