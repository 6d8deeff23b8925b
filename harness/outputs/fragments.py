"""Reads accepted records back out of the store, slice by slice."""

import hashlib
import os
from collections import OrderedDict
from types import TracebackType
from typing import Final, Self

from harness.base.artifacts import ArtifactStore
from harness.base.errors import LedgerDamagedError
from harness.base.ids import Sha

_MOST_OPEN: Final = 32


class Fragments:
    """Open fragments. Each one's hash is verified once; never more than a few are open, none is held in memory."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._open: OrderedDict[Sha, int] = OrderedDict()
        self._verified: set[Sha] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def lines(self, sha: Sha, offset: int, length_bytes: int) -> list[bytes]:
        """Whole lines of a fragment, without line ends. LedgerDamagedError when they are not what was stored."""
        content = os.pread(self._descriptor(sha), length_bytes, offset)
        if len(content) != length_bytes or not content.endswith(b"\n"):
            raise LedgerDamagedError(f"artifact {sha} has no records at {offset} to {offset + length_bytes}")
        return content[:-1].split(b"\n")

    def _descriptor(self, sha: Sha) -> int:
        if sha in self._open:
            self._open.move_to_end(sha)
            return self._open[sha]
        try:
            descriptor = os.open(self._store.path(sha), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise LedgerDamagedError(f"artifact {sha} is missing from {self._store.root}") from None
        self._open[sha] = descriptor
        if sha not in self._verified:
            self._verify(sha, descriptor)
        if len(self._open) > _MOST_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return descriptor

    def _verify(self, sha: Sha, descriptor: int) -> None:
        digest = hashlib.sha256()
        offset = 0
        while piece := os.pread(descriptor, 1 << 20, offset):
            digest.update(piece)
            offset += len(piece)
        if digest.hexdigest() != sha:
            raise LedgerDamagedError(f"artifact {sha} has been changed: its content is not what was stored")
        self._verified.add(sha)
