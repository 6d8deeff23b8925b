"""Later phases before there are records: their items and prompts, from synthetic records of the phases before."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from harness.base.errors import Problem, UsageError
from harness.base.ids import ItemId
from harness.core.types import BatchRef, Item, Json
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.job.job import Job, PhaseSpec
from harness.outputs.derived_items import make
from harness.outputs.suspects import BrokenCheckError
from harness.prompts.render import UnknownTemplateNameError, render
from harness.samples.records import SampleError, SampleSpec, synthetic
from harness.sources.read import joined_rows

_MOST_ITEMS = 20
_MOST_GROUPS = 5
_MARK = "harness:anything"
_SAYS_SOMETHING = (
    "type", "properties", "required", "items", "prefixItems", "enum", "const", "$ref", "allOf", "anyOf", "oneOf",
    "pattern", "format", "minimum", "maximum", "minLength", "maxLength", "not",
)  # fmt: skip


class Anything(dict[Any, Any]):
    """Stands where a schema says nothing: it has every name, and each is as empty as itself."""

    def __missing__(self, name: object) -> "Anything":
        return Anything()


@dataclass(frozen=True, slots=True)
class LaterPhase:
    """What a later phase would see. `why_not` says why its prompt cannot be tried before there are real records."""

    phase: PhaseSpec
    groups: Sequence[Sequence[Item]] = ()
    contexts: Sequence[Mapping[str, Sequence[Json]]] = ()
    """As in the first batch, and as in a later one, where that is another."""
    has_anything: bool = False
    why_not: str = ""


@dataclass(slots=True)
class _Synthetic:
    """What the phases so far have left: their items, and the records of each."""

    items: dict[int, list[Item]]
    records: dict[int, dict[ItemId, list[Json]]] = field(default_factory=dict)
    problem: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What would stop the prompts of later phases, and which of them could not be tried, in words."""

    problems: tuple[Problem, ...] = ()
    untried: tuple[str, ...] = ()


def foresee(job: Job, items: Sequence[Item]) -> Iterator[LaterPhase]:
    """For each phase after the first, what a few of the items would bring there."""
    synthetic = _Synthetic({1: _telling(items, job.phases[0].batch_size)})
    with closing(Bounded()) as bounded:
        for phase in job.phases:
            if phase.from_ is not None:
                yield _enter(job, phase, synthetic, bounded)
            _invent(job, phase, synthetic)


def problems_ahead(job: Job, items: Sequence[Item]) -> Ahead:
    """What would stop the prompts of later phases, and which of them could not be tried, in words."""
    problems: list[Problem] = []
    untried: list[str] = []
    try:
        ahead_of_all = list(foresee(job, items)) if len(job.phases) > 1 else []
    except UsageError as error:  # of a source that a phase joins
        return Ahead(tuple(error.problems))
    for ahead in ahead_of_all:
        if ahead.why_not:
            untried.append(f"the prompt of phase {ahead.phase.name} was not tried: {ahead.why_not}")
        problems += [problem for problem in _problems(job, ahead) if problem not in problems]
    return Ahead(tuple(problems), tuple(untried))


def later_work(job: Job, items: Sequence[Item], phase: PhaseSpec) -> Work:
    """The first batch of a later phase, made from synthetic records. UsageError when there are none."""
    ahead = next(ahead for ahead in foresee(job, items) if ahead.phase.number == phase.number)
    if ahead.why_not:
        raise UsageError([Problem(f"phase {phase.name}", f"its prompt cannot be shown yet: {ahead.why_not}")])
    return _work(ahead, ahead.groups[0], ahead.contexts[-1])


def _problems(job: Job, ahead: LaterPhase) -> Iterator[Problem]:
    for group in ahead.groups:
        for context in ahead.contexts:
            try:
                render(_work(ahead, group, context), job.vars, f"/{ahead.phase.output.file}")
            except UnknownTemplateNameError as error:
                hint = f"records of the phases before are as their fields or schema say: {_before(job, ahead.phase)}"
                yield from (replace(problem, hint=hint) for problem in error.problems)
            except UsageError as error:
                if not ahead.has_anything:  # else a real record may well be what the template wants
                    yield from error.problems


def _before(job: Job, phase: PhaseSpec) -> str:
    before = job.phase(phase.from_ or 1)
    names = (before.output.schema or {}).get("properties") or {}
    return f"{before.name} has {', '.join(names)}" if names else f"see {before.name}"


def _work(ahead: LaterPhase, group: Sequence[Item], context: Mapping[str, Sequence[Json]]) -> Work:
    return Work(ahead.phase, BatchRef(ahead.phase.number, 1), tuple(group), (1, len(group)), context=context)


def _telling(items: Sequence[Item], batch_size: int) -> list[Item]:
    """The first batch, and an item for each other set of names that rows have."""
    chosen = {item.id: item for item in items[: max(2, min(batch_size, _MOST_ITEMS))]}
    seen: dict[tuple[str, ...], Item] = {}
    for item in items:
        seen.setdefault(tuple(item.data), item)
    return [*chosen.values(), *(item for item in list(seen.values())[:_MOST_ITEMS] if item.id not in chosen)]


def _enter(job: Job, phase: PhaseSpec, synthetic: _Synthetic, bounded: Bounded) -> LaterPhase:
    """The items of a phase, out of the records of the one before."""
    before = job.phase(phase.from_ or 1)
    if before.number in synthetic.problem:
        synthetic.problem[phase.number] = synthetic.problem[before.number]
        return LaterPhase(phase, why_not=synthetic.problem[before.number])
    records = synthetic.records[before.number]
    if phase.rows is None:
        items = [replace(item, records=tuple(records[item.id])) for item in synthetic.items[before.number]]
    else:
        items = _made(job, phase, records, bounded)
    if not items:
        why_not = f"`rows` yields no {phase.noun} from the synthetic records of phase {before.name}"
        synthetic.problem[phase.number] = why_not
        return LaterPhase(phase, why_not=why_not)
    synthetic.items[phase.number] = items[: max(_MOST_ITEMS, phase.batch_size)]
    groups = [items[at : at + phase.batch_size] for at in range(0, len(items), phase.batch_size)]
    shown = [[_revived_item(item) for item in group] for group in groups[:_MOST_GROUPS]]
    context = {before.name: [_revived(record) for several in records.values() for record in several]}
    contexts = [context]
    if phase.needs == "previous":  # the first batch sees an empty registry, the others one with records in it
        own, _ = _invented(job, phase, synthetic.items[phase.number])
        later = [_revived(record) for several in own.values() for record in several]
        contexts = [{**context, phase.name: []}, {**context, phase.name: later}]
    return LaterPhase(phase, shown, contexts, has_anything=_MARK in repr(records))


def _made(job: Job, phase: PhaseSpec, records: Mapping[ItemId, list[Json]], bounded: Bounded) -> list[Item]:
    """The items that `rows` makes; none where a synthetic record is beyond it. Rows of a source are there already."""
    if phase.join is not None:
        joined = joined_rows(replace(job, phases=(phase,)), bounded)[phase.number]
        parent = next(iter(records.values()), [])
        return [replace(item, records=tuple(parent)) for item in list(joined.values())[:_MOST_ITEMS]]
    try:
        made = make([phase], records, bounded, dict(job.vars)).items
    except BrokenCheckError:
        return []
    return [
        replace(item, records=tuple(records[parent]))
        for parent, by_phase in made.items()
        for item in by_phase.get(phase.number, ())
    ]


def _invent(job: Job, phase: PhaseSpec, synthetic: _Synthetic) -> None:
    if phase.number in synthetic.problem:
        return
    records, problem = _invented(job, phase, synthetic.items[phase.number])
    synthetic.records[phase.number] = records
    if problem:
        synthetic.problem[phase.number] = f"no synthetic record can be made for phase {phase.name}: {problem}"


def _invented(job: Job, phase: PhaseSpec, items: Sequence[Item]) -> tuple[dict[ItemId, list[Json]], str]:
    """A record for each item, with marks where the schema says nothing; or why there are none."""
    spec = SampleSpec.of(phase, job.vars)
    is_any_text = phase.output.shape == "files" and phase.output.schema is None
    schema = None if is_any_text else _marked(phase.output.schema or {"type": "object"})
    try:
        records = synthetic(replace(spec, schema=schema), [str(item.id) for item in items])
    except SampleError as error:
        return {item.id: [] for item in items}, str(error)
    return {item.id: [record] for item, record in zip(items, records, strict=True)}, ""


def _marked(schema: Any) -> Any:
    """The schema with a mark wherever it says nothing of what is there."""
    if not isinstance(schema, Mapping):
        return {"type": "object", "properties": {_MARK: {"const": True}}, "required": [_MARK]} if schema else schema
    if not any(key in schema for key in _SAYS_SOMETHING):
        return _marked(True)
    marked = dict(schema)
    for key in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(key), Mapping):
            marked[key] = {name: _marked(part) for name, part in schema[key].items()}
    for key in ("allOf", "anyOf", "oneOf", "prefixItems"):
        if isinstance(schema.get(key), list):
            marked[key] = [part if key != "prefixItems" else _marked(part) for part in schema[key]]
    if schema.get("type") == "array" and not schema.get("prefixItems"):
        marked["items"] = _marked(schema.get("items", True))
    if schema.get("type") == "object" and not schema.get("properties") and not schema.get("required"):
        marked["properties"] = {_MARK: {"const": True}}
    return marked


def _revived_item(item: Item) -> Item:
    data = {name: _revived(value) for name, value in item.data.items()}
    return replace(item, data=data, records=tuple(_revived(record) for record in item.records))


def _revived(value: Json) -> Json:
    """The value with something that has every name wherever there is a mark."""
    if isinstance(value, dict):
        kept = {name: _revived(part) for name, part in value.items() if name != _MARK}
        return Anything(kept) if _MARK in value else kept
    return [_revived(part) for part in value] if isinstance(value, list) else value
