"""`launch --dry-run`: what a launch would do, with made-up records in place of sessions. Nothing is written."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId
from harness.cli.foresight import look_ahead
from harness.cli.later_phases import foresee
from harness.cli.outline import outline
from harness.cli.preview import read_items, to_be_worked_on
from harness.core.money import in_words as money
from harness.core.money import to_micro
from harness.core.reserve import reservation
from harness.core.types import BatchRef, Item, Json
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.executors.containment import choose_boxes
from harness.job.job import Job, PhaseSpec
from harness.outputs.checks import Checker
from harness.outputs.judge import for_checks
from harness.outputs.suspects import BrokenCheckError, DoubtedCheckError
from harness.planning.batches import batches_of
from harness.samples.records import SampleError, SampleSpec, sampled, synthetic
from harness.supervisor.key_values import keys_of
from harness.views.reason_words import text_of
from harness.views.wording import clean, counted

_MOST_ITEMS = 12


@dataclass(frozen=True, slots=True)
class Tried:
    """The checks of a phase on records that are made up, or the user's samples, for `items` of it. `rejected`: the
    first reason of each that was refused. `has_scene`: real rehearsals play records that are not seen here."""

    phase: str
    items: int
    rejected: tuple[str, ...] = ()
    broken: str = ""
    untried: str = ""
    has_samples: bool = False
    has_scene: bool = False

    def in_words(self) -> str:
        if self.untried:
            return f"not tried: {clean(self.untried)}"
        if self.broken:
            return f"broken: {clean(self.broken)}"
        what = (
            counted(self.items, "record") + " of your samples"
            if self.has_samples
            else counted(self.items, "made-up record")
        )
        if not self.rejected:
            return f"{what} passed"
        told = f"{len(self.rejected):,} of {what} refused"
        if self.has_samples:
            return f"{told}: {clean(self.rejected[0])}"
        if self.has_scene:
            return f"{told}, which says nothing of the scene's ({clean(self.rejected[0])}); `harness rehearse` plays it"
        return f"{told}, which a real one may not be: {clean(self.rejected[0])}"


def dry_run(job: Job) -> tuple[list[str], list[Tried]]:
    """Lines to print, and what came of the checks. UsageError for all that a launch would refuse."""
    selection = to_be_worked_on(job, read_items(job).items)
    items = selection.chosen
    warnings = look_ahead(job, items)
    tried = list(try_checks(job, items))
    lines = list(outline(job, selection, datetime.now(UTC)))
    lines += [f"warning   {clean(warning)}" for warning in warnings]
    lines += [f"checks    {clean(each.phase)}: {each.in_words()}" for each in tried]
    return [
        *lines,
        f"estimate  {_estimate(job, items)}",
        "dry run   no session was started, nothing was written",
    ], tried


def _estimate(job: Job, items: Sequence[Item]) -> str:
    """How many sessions there are at the least, and for how many the budget is there whatever they cost."""
    sessions = len(batches_of(job, items))
    known = [f"{counted(sessions, 'session')} in {job.phases[0].name}"]
    for phase in job.phases[1:]:
        top = phase.select.top if phase.select is not None else None
        most = f"at most {counted(-(-top // phase.batch_size), 'session')}" if top else "as many as its items need"
        known.append(f"{most} in {phase.name}")
    dearest = max(reservation(job, phase) for phase in job.phases)
    if job.budget is None or not dearest:
        return "; ".join(known)
    budget = to_micro(job.budget)
    pays = f"{money(budget)} pay for {budget // dearest:,} at {money(dearest)} each, for more if they cost less"
    return "; ".join([*known, pays])


def try_checks(job: Job, items: Sequence[Item]) -> Iterator[Tried]:
    """Each phase's checks, where they would run, on records of a few items that are made up of its fields or schema."""
    by_phase: dict[int, Sequence[Item]] = {1: items[:_MOST_ITEMS]}
    for ahead in foresee(job, items) if len(job.phases) > 1 else ():
        by_phase[ahead.phase.number] = [item for group in ahead.groups for item in group][:_MOST_ITEMS]
    with (
        tempfile.TemporaryDirectory(prefix="harness-dry-run-") as scratch,
        closing(Bounded(boxes=choose_boxes(job), variables=keys_of(job))) as bounded,
    ):
        for phase in job.phases:
            yield _tried(job, phase, by_phase.get(phase.number, ()), bounded, Path(scratch))


def _tried(job: Job, phase: PhaseSpec, items: Sequence[Item], bounded: Bounded, scratch: Path) -> Tried:
    if not items:
        return Tried(phase.name, 0, untried="no item of it can be made up")
    store, has_scene = ArtifactStore(scratch), job.scene is not None
    samples = job.samples.by_phase.get(phase.name, ()) if job.samples is not None else ()
    try:
        records = _records(job, phase, items, samples, store)
    except SampleError as error:
        return Tried(phase.name, 0, untried=f"no record can be made up: {error}")
    checker = Checker(Work(phase, BatchRef(phase.number, 1), tuple(items)), bounded, dict[str, Json](job.vars))
    try:
        rejected = checker.run(for_checks(phase.output, records, store))
    except DoubtedCheckError as error:
        if has_scene and "barred" not in (error.fault.evidence or {}):
            return Tried(phase.name, 0, untried=f"made-up records say nothing of the scene's ({error.fault.detail})")
        return Tried(phase.name, len(records), broken=error.fault.detail)
    except BrokenCheckError as error:
        return Tried(phase.name, len(records), broken=error.fault.detail)
    refused = tuple(text_of(reasons[0]) for reasons in rejected.values())
    return Tried(phase.name, len(records), refused, has_samples=bool(samples), has_scene=has_scene)


def _records(
    job: Job, phase: PhaseSpec, items: Sequence[Item], samples: Sequence[Any], store: ArtifactStore
) -> Mapping[ItemId, tuple[Json, ...]]:
    """Item -> what a session might write of it: out of the samples, where there are any, else made up."""
    spec = SampleSpec.of(phase, job.vars)
    found: dict[ItemId, tuple[Json, ...]] = {}
    for item in items:
        ids = [str(item.id)]
        records = sampled(spec, ids, samples) if samples else synthetic(spec, ids)
        if phase.output.shape == "files":
            [value] = records.values() if isinstance(records, Mapping) else records
            records = [_file(item, _text_of(value).encode(), store)]
        found[item.id] = tuple(records)
    return found


def _text_of(value: Any) -> str:
    """What the file of an item says; a record of an id and a text alone says the text."""
    if isinstance(value, Mapping) and value.keys() == {"id", "text"}:
        value = value["text"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _file(item: Item, content: bytes, store: ArtifactStore) -> Json:
    return {"id": item.id, "file": f"{item.id}", "sha": store.put(content), "size": len(content)}
