"""Cuts the items into batches: numbered from 1, in order, the last one may be short; or as a batch plan gives them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.core.types import BatchRef, Item
from harness.job.job import Job


@dataclass(frozen=True, slots=True)
class PlannedBatch:
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


def plan(items: Sequence[Item], batch_size: int) -> tuple[PlannedBatch, ...]:
    """668 items by 20 are 34 batches, the last one 661-668; no items are no batches."""
    if batch_size < 1:
        raise ValueError(f"a batch holds at least one item, got {batch_size!r}")
    return _numbered([tuple(items[start : start + batch_size]) for start in range(0, len(items), batch_size)])


def batches_of(job: Job, items: Sequence[Item]) -> tuple[PlannedBatch, ...]:
    """The batches of first-phase items, as `sources.read` orders them: those of the job's plan, else by size."""
    if job.plan is None:
        return plan(items, job.phases[0].batch_size)
    number_of = job.plan.number_of()
    cuts = [tuple(group) for _, group in groupby(items, key=lambda item: number_of.get(item.id))]
    return _numbered(cuts)


def _numbered(cuts: Sequence[tuple[Item, ...]]) -> tuple[PlannedBatch, ...]:
    batches: list[PlannedBatch] = []
    first = 1
    for number, cut in enumerate(cuts, 1):
        batches.append(PlannedBatch(number, first, first + len(cut) - 1, cut))
        first += len(cut)
    return tuple(batches)
