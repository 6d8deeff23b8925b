"""Makes the items of a next phase out of accepted records: seeds become LEGOs, a batch plan becomes the leads in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from harness.base.ids import ItemId
from harness.base.paths import MISSING, is_plain, read_path
from harness.base.reason import Reason, cut_text
from harness.core.fault_kinds import FaultKind
from harness.core.item_ids import folded, problem_with
from harness.core.messages import message
from harness.core.types import Fault, Item, Json
from harness.evaluation.bounded import Bounded, JqOutcome
from harness.evaluation.persistent_child import BoundedError
from harness.job.batch_plan import NO_PACE, Pace
from harness.job.job import PhaseSpec
from harness.outputs.check_questions import JQ_S
from harness.outputs.parse import canonical
from harness.outputs.plan_records import GivenPlan, plan_in
from harness.outputs.suspects import BrokenCheckError, Reasons

_MOST_COMPARED: Final = 2000
_MOST_NAMED: Final = 5

Joined = Mapping[int, Mapping[str, Item]]
"""Phase number -> id -> the row of the source that this phase joins, as an item."""


@dataclass(slots=True)
class Derived:
    """`items`: item -> phase number -> the items that this phase makes out of its records, in record order, or in that
    of the plan in them. `paces`: likewise how fast that plan lets the phase go. `rejected`: why some records cannot be
    taken."""

    items: dict[ItemId, dict[int, tuple[Item, ...]]]
    paces: dict[ItemId, dict[int, Pace]]
    rejected: Reasons = field(default_factory=dict)


def make(
    phases: Sequence[PhaseSpec],
    records: Mapping[ItemId, Sequence[Json]],
    bounded: Bounded,
    variables: Mapping[str, Json],
    joined: Joined = MappingProxyType({}),
) -> Derived:
    """The derived items of every item. Records are rejected for an id that is missing, neither text nor a whole number,
    one that no source could have, or given twice by one item; for more rows of one record than `most`; for a row that
    is not in the joined source, or one of that left out; and for flaws of the batch plan.

    `phases` are those that take from this phase; those without `rows` make nothing. Raises
    BrokenCheckError when `rows` does not work.
    """
    made = Derived({item: {} for item in records}, {item: {} for item in records})
    for phase in phases:
        if phase.rows is None:
            continue
        for item, rows in _rows(phase, records, bounded, variables).items():
            given = plan_in(phase, records[item]) if phase.plan is not None else None
            items, reasons = _items(phase, rows, given, joined.get(phase.number, {}))
            made.items[item][phase.number] = items
            if given is not None and given.pace != NO_PACE:
                made.paces[item][phase.number] = given.pace
            if reasons:
                made.rejected.setdefault(item, []).extend(reasons)
    return made


_Row = tuple[Json, Json]
"""A row, and the record it came from."""


def _rows(
    phase: PhaseSpec, records: Mapping[ItemId, Sequence[Json]], bounded: Bounded, variables: Mapping[str, Json]
) -> dict[ItemId, list[_Row | Reason]]:
    """What `rows` yields for each item's records; a reason where it raised, or yields too many, for one of them."""
    assert phase.rows is not None
    flat = [(item, record) for item, group in records.items() for record in group]
    rows: dict[ItemId, list[_Row | Reason]] = {item: [] for item in records}
    plain = phase.rows.strip().removesuffix("[]") or "."
    if phase.rows.strip().endswith("[]") and is_plain(plain):
        for item, record in flat:
            rows[item] += _bounded(phase, _plain_rows(phase, record, plain))
        return rows
    outcomes = _outcomes(phase, [record for _, record in flat], bounded, variables)
    for (item, record), outcome in zip(flat, outcomes, strict=True):
        found: list[_Row | Reason] = [(row, record) for row in outcome.results]
        rows[item] += (
            [Reason("rows_error", {"noun": phase.noun, "error": outcome.error})]
            if outcome.error
            else _bounded(phase, found)
        )
    return rows


def _bounded(phase: PhaseSpec, rows: list[_Row | Reason]) -> list[_Row | Reason]:
    """The rows of one record, or why they are too many: a record gone wild must not become sessions by the thousand."""
    if len(rows) <= phase.most:
        return rows
    facts = {"noun": phase.noun, "count": len(rows), "most": phase.most, "phase": phase.name}
    return [Reason("rows_too_many", facts)]


def _outcomes(
    phase: PhaseSpec, records: Sequence[Json], bounded: Bounded, variables: Mapping[str, Json]
) -> list[JqOutcome]:
    """What `rows` yields for each record. One record for which it runs out of time or memory is to blame alone."""
    program = phase.rows or ""
    try:
        return bounded.jq_each(program, records, variables, timeout_s=JQ_S)
    except BoundedError as error:
        if len(records) == 1:
            _must_compile(phase, bounded, variables)
            return [JqOutcome([], error.message)]
        middle = len(records) // 2
        halves = (records[:middle], records[middle:])
        return [outcome for half in halves for outcome in _outcomes(phase, half, bounded, variables)]


def _must_compile(phase: PhaseSpec, bounded: Bounded, variables: Mapping[str, Json]) -> None:
    try:
        bounded.check_jq(phase.rows or "", tuple(variables))
    except BoundedError as error:
        why = message("rows_broken", phase=phase.name, error=cut_text(error.message, 1000))
        fault = Fault(FaultKind.BROKEN_CHECK, "config", (why,), evidence={"kind": error.kind})
        raise BrokenCheckError(fault) from None


def _plain_rows(phase: PhaseSpec, record: Json, path: str) -> list[_Row | Reason]:
    """`.a.b[]` read here, since jq would lose digits of big integers."""
    value = read_path(record, path)
    if isinstance(value, list):
        return [(row, record) for row in value]
    if isinstance(value, dict):
        return [(row, record) for row in value.values()]
    got = None if value is MISSING else _shown(value, 80)
    return [Reason("rows_no_list", {"noun": phase.noun, "path": path, "got": got})]


def _items(
    phase: PhaseSpec, rows: Sequence[_Row | Reason], given: GivenPlan | None, joined: Mapping[str, Item]
) -> tuple[tuple[Item, ...], list[Reason]]:
    made: list[Item] = []
    reasons: list[Reason] = list(given.reasons) if given else []
    seen: set[str] = set()
    for row in rows:
        if isinstance(row, Reason):
            reasons.append(row)
            continue
        value, record = row
        id_ = _id_of(phase, value)
        if isinstance(id_, Reason):
            reasons.append(id_)
            continue
        same = folded(id_, exact=phase.exact)
        if same in seen:
            if given is None:  # the plan has said where it is already
                reasons.append(Reason("row_repeated", {"noun": phase.noun, "id": id_}))
            continue
        seen.add(same)
        item = Item(ItemId(id_), value if isinstance(value, dict) else {"value": value}, None, (record,))
        if phase.join is not None:
            if id_ not in joined:
                reasons.append(Reason("row_unknown", {"noun": phase.noun, "id": id_, "meant": _meant(id_, joined)}))
                continue
            item = replace(item, data=joined[id_].data)
        made.append(item if given is None else replace(item, planned=given.number_of.get(ItemId(id_), 0)))
    reasons += [*_left_out(phase, joined, made), *_unplanned(phase, given, made)]
    if given is not None:
        made.sort(key=lambda item: given.places.get(item.id, 0))
    return tuple(made), reasons


def _id_of(phase: PhaseSpec, value: Json) -> str | Reason:
    """The id of a row: at `id`, or the row itself where it names one of a source."""
    names_one = phase.join is not None and not isinstance(value, dict)
    id_ = value if names_one else read_path(value, phase.id or ".id")
    id_ = str(id_) if isinstance(id_, int) and not isinstance(id_, bool) else id_
    if not isinstance(id_, str) or not id_.strip():
        facts = {"noun": phase.noun, "path": phase.id or ".id", "row": _shown(value, 120)}
        return Reason("row_without_id", facts)
    if problem := problem_with(id_):
        return Reason("row_id_unusable", {"noun": phase.noun, "problem": problem})
    return id_


def _shown(value: Json, most: int) -> str:
    return cut_text(canonical(value), most)


def _meant(id_: str, joined: Mapping[str, Item]) -> str | None:
    near = get_close_matches(id_, list(joined)[:_MOST_COMPARED], n=1, cutoff=0.8)
    return near[0] if near else None


def _left_out(phase: PhaseSpec, joined: Mapping[str, Item], made: Sequence[Item]) -> list[Reason]:
    if phase.join is None or not phase.takes_all:
        return []
    there = {str(item.id) for item in made}
    left = [id_ for id_ in joined if id_ not in there]
    facts = {"noun": phase.noun, "ids": left[:_MOST_NAMED], "more": max(0, len(left) - _MOST_NAMED)}
    return [Reason("rows_left_out", facts)] if left else []


def _unplanned(phase: PhaseSpec, given: GivenPlan | None, made: Sequence[Item]) -> list[Reason]:
    """Rows that the plan knows nothing of: `rows` and `batch.plan` speak of different things."""
    if given is None or given.reasons:
        return []
    unknown = [item for item in made if not item.planned]
    return [Reason("row_unplanned", {"noun": phase.noun, "id": str(item.id)}) for item in unknown[:5]]
