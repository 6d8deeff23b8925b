"""A dry run: the checks of a job tried on synthetic records, or the user's samples, in place of a session's."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.types import BatchRef, Fault, Item, Json
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.job.job import Job, PhaseSpec
from harness.outputs.checks import Checker
from harness.outputs.judge import for_checks
from harness.outputs.suspects import BrokenCheckError, RaisedCheckError
from harness.planning.later_phases import foresee
from harness.samples.records import SampleError, SampleSpec, sampled, synthetic

_MOST_ITEMS = 12


@dataclass(frozen=True, slots=True)
class Tried:
    """The checks of a phase on synthetic records, or the user's samples, for `items` of it. `rejected`: the
    first reason of each that was refused. `has_scene`: real rehearsals play records that are not seen here."""

    phase: str
    items: int
    rejected: tuple[Reason, ...] = ()
    broken: Fault | None = None
    untried: "Untried | None" = None
    has_samples: bool = False
    has_scene: bool = False


@dataclass(frozen=True, slots=True)
class Untried:
    """Why the checks of a phase were not tried: no item or no synthetic record can be made, or a check raised at a
    synthetic record, which may be none that the scene plays."""

    kind: Literal["no_item", "no_record", "not_of_scene"]
    error: str = ""
    fault: Fault | None = None


def try_checks(job: Job, items: Sequence[Item], bounded: Bounded) -> Iterator[Tried]:
    """Each phase's checks, where they would run, on synthetic records of a few items."""
    by_phase: dict[int, Sequence[Item]] = {1: items[:_MOST_ITEMS]}
    for ahead in foresee(job, items) if len(job.phases) > 1 else ():
        by_phase[ahead.phase.number] = [item for group in ahead.groups for item in group][:_MOST_ITEMS]
    with tempfile.TemporaryDirectory(prefix="harness-dry-run-") as scratch:
        for phase in job.phases:
            yield _tried(job, phase, by_phase.get(phase.number, ()), bounded, Path(scratch))


def _tried(job: Job, phase: PhaseSpec, items: Sequence[Item], bounded: Bounded, scratch: Path) -> Tried:
    if not items:
        return Tried(phase.name, 0, untried=Untried("no_item"))
    store, has_scene = ArtifactStore(scratch), job.scene is not None
    samples = job.samples.by_phase.get(phase.name, ()) if job.samples is not None else ()
    try:
        records = _records(job, phase, items, samples, store)
    except SampleError as error:
        return Tried(phase.name, 0, untried=Untried("no_record", str(error)))
    checker = Checker(Work(phase, BatchRef(phase.number, 1), tuple(items)), bounded, dict[str, Json](job.vars))
    try:
        rejected = checker.run(for_checks(phase.output, records, store))
    except RaisedCheckError as error:
        if has_scene and "barred" not in (error.fault.evidence or {}):
            return Tried(phase.name, 0, untried=Untried("not_of_scene", fault=error.fault))
        return Tried(phase.name, len(records), broken=error.fault)
    except BrokenCheckError as error:
        return Tried(phase.name, len(records), broken=error.fault)
    refused = tuple(reasons[0] for reasons in rejected.values())
    return Tried(phase.name, len(records), refused, has_samples=bool(samples), has_scene=has_scene)


def _records(
    job: Job, phase: PhaseSpec, items: Sequence[Item], samples: Sequence[Any], store: ArtifactStore
) -> Mapping[ItemId, tuple[Json, ...]]:
    """Item -> what a session might write of it: out of the samples, where there are any, else generated."""
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
