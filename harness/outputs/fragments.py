"""Reads accepted records back out of the store, slice by slice."""

import hashlib
from collections import OrderedDict
from types import TracebackType
from typing import Final, Self

from harness.base.artifacts import ArtifactStore, Source
from harness.base.errors import LedgerDamagedError
from harness.base.ids import Sha

_MOST_OPEN: Final = 32


class Fragments:
    """Open fragments. Each one's hash is verified once; never more than a few are open, no large one is in memory."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._open: OrderedDict[Sha, Source] = OrderedDict()
        self._verified: set[Sha] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def lines(self, sha: Sha, offset: int, length_bytes: int) -> list[bytes]:
        """Whole lines of a fragment, without line ends. LedgerDamagedError when they are not what was stored."""
        source = self._source(sha)
        source.seek(offset)
        content = source.read(length_bytes)
        if len(content) != length_bytes or not content.endswith(b"\n"):
            raise LedgerDamagedError(f"artifact {sha} has no records at {offset} to {offset + length_bytes}")
        return content[:-1].split(b"\n")

    def _source(self, sha: Sha) -> Source:
        if sha in self._open:
            self._open.move_to_end(sha)
            return self._open[sha]
        source = self._open[sha] = self._store.open(sha)
        if sha not in self._verified:
            if hashlib.file_digest(source, "sha256").hexdigest() != sha:
                raise self._store.changed(sha)
            self._verified.add(sha)
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        return source
