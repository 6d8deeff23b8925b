"""Where accepted records lie in the store, and the one reader of them: each fragment is verified once, then cut."""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from harness.base.artifacts import ArtifactStore, Source
from harness.base.errors import LedgerDamagedError
from harness.base.ids import ItemId, Sha

_MOST_OPEN: Final = 32


@dataclass(frozen=True, slots=True)
class Slice:
    """Whole lines of the fragment `sha` in the store: the accepted records of one item, one a line."""

    sha: Sha
    offset: int
    length_bytes: int


@dataclass(frozen=True, slots=True)
class ItemSlice:
    """The accepted records of one item."""

    item: ItemId
    slice: Slice


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

    def lines(self, place: Slice) -> list[bytes]:
        """Without line ends. LedgerDamagedError when they are not what was stored."""
        source = self._source(place.sha)
        source.seek(place.offset)
        content = source.read(place.length_bytes)
        if len(content) != place.length_bytes or not content.endswith(b"\n"):
            end = place.offset + place.length_bytes
            raise LedgerDamagedError(f"artifact {place.sha} has no records at {place.offset} to {end}")
        return content[:-1].split(b"\n")

    def records(self, place: Slice) -> list[Any]:
        """The same, as JSON values."""
        return [json.loads(line) for line in self.lines(place)]

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
