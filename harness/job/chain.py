"""Items and batches that a record gives: `items: {join: ...}` and `batch: {plan: ...}` of a later phase, resolved."""

from harness.base.paths import is_plain
from harness.job.batch_plan import MOST_IN_A_BATCH, BatchPlan
from harness.job.checker import ManifestChecker
from harness.job.items import resolve_items
from harness.job.job import ItemsSpec
from harness.job.manifest import Batch, DerivedItems, Manifest, Phase
from harness.job.yaml_text import ValuePath


def batch_size_of(manifest: Manifest, phase: Phase, number: int, given: BatchPlan | None) -> int:
    """As written; where the job's items come in `given` batches, as large as the largest of them."""
    batch = phase.batch or manifest.batch
    if given is not None and (number == 1 or (phase.batch is None and phase.items is None)):
        return given.largest
    return MOST_IN_A_BATCH if number > 1 and phase.batch is not None and batch.plan is not None else batch.size


def plan_of(checker: ManifestChecker, place: ValuePath, phase: Phase) -> str | None:
    """Where in a record a later phase finds its batches."""
    batch = phase.batch or Batch()
    if batch.plan is None:
        return None
    at: ValuePath = (*place, "batch")
    if phase.items is None:
        checker.complain((*at, "plan"), "is for a phase with `items` that come out of the record that has the plan")
    if phase.items is not None and phase.items.select is not None:
        message = "the batch plan says which items there are, so nothing is left to select"
        checker.complain((*place, "items", "select"), message, "leave one of the two out", of_key=True)
    if "size" in batch.model_fields_set:
        checker.complain((*at, "size"), "the plan says how large batches are; leave one of the two out", of_key=True)
    if not is_plain(batch.plan):
        hint = "a file is for the job's own items, in its first phase" if batch.plan.endswith(".json") else None
        checker.complain((*at, "plan"), f"expected a path in the record, such as .batch_plan, got {batch.plan!r}", hint)
        return None
    return batch.plan


def join_of(
    checker: ManifestChecker, manifest: Manifest, place: ValuePath, made: DerivedItems | None
) -> ItemsSpec | None:
    """The source whose rows the records name."""
    if made is None or made.join is None:
        if made is not None and "left_out" in made.model_fields_set:
            checker.complain((*place, "left_out"), "has an effect only together with `join`", of_key=True)
        return None
    if made.join.files is not None:
        checker.complain((*place, "join", "files"), "expected a source of rows, such as file: leads.csv", of_key=True)
        return None
    alone = manifest.model_copy(update={"items": made.join, "order": []})
    return resolve_items(_Moved(checker, (*place, "join")), alone)


class _Moved(ManifestChecker):
    """The same checker, which reports what it finds in `items` at another place."""

    def __init__(self, checker: ManifestChecker, place: ValuePath) -> None:
        self.__dict__.update(checker.__dict__)
        self._place = place

    def complain(self, path: ValuePath, message: str, hint: str | None = None, *, of_key: bool = False) -> None:
        moved = (*self._place, *path[1:]) if path[:1] == ("items",) else path
        super().complain(moved, message, hint, of_key=of_key)
