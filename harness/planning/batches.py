"""Cuts the items into batches: numbered from 1, in order, the last one may be short."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.types import BatchRef, Item


@dataclass(frozen=True, slots=True)
class Batch:
    """Items planned together. `first` and `last` are positions in the list of all items, from 1, both included."""

    number: int
    first: int
    last: int
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        return len(self.items)

    @property
    def ref(self) -> BatchRef:
        """The batch in the first phase."""
        return BatchRef(phase=1, number=self.number)


def plan(items: Sequence[Item], batch_size: int) -> tuple[Batch, ...]:
    """668 items by 20 are 34 batches, the last one 661-668; no items are no batches."""
    if batch_size < 1:
        raise ValueError(f"a batch holds at least one item, got {batch_size!r}")
    starts = range(0, len(items), batch_size)
    cuts = [tuple(items[start : start + batch_size]) for start in starts]
    return tuple(
        Batch(number, start + 1, start + len(cut), cut)
        for number, (start, cut) in enumerate(zip(starts, cuts, strict=True), 1)
    )
