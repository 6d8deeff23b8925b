"""Makes the items of a next phase out of accepted records: seeds become LEGOs, a batch plan becomes the leads in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from harness.base.ids import ItemId
from harness.base.paths import MISSING, is_plain, read_path
from harness.base.reason import Reason
from harness.core.faults import BROKEN_CHECK
from harness.core.item_ids import folded, trouble_with
from harness.core.types import Fault, Item, Json
from harness.evaluation.bounded import Bounded, BoundedError, JqOutcome
from harness.job.batch_plan import NO_PACE, Pace
from harness.job.job import PhaseSpec
from harness.outputs.checks import JQ_S
from harness.outputs.plan_records import Given, plan_in
from harness.outputs.suspects import BrokenCheckError, Reasons

_MOST_COMPARED: Final = 2000
_MOST_NAMED: Final = 5

Joined = Mapping[int, Mapping[str, Item]]
"""Phase number -> id -> the row of the source that this phase joins, as an item."""


@dataclass(slots=True)
class Made:
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
) -> Made:
    """The made items of every item. Records are rejected for an id that is missing, neither text nor a whole number,
    one that no source could have, or given twice by one item; for more rows of one record than `most`; for a row that
    is not in the joined source, or one of that left out; and for flaws of the batch plan.

    `phases` are those that take from this phase; those without `rows` make nothing. Raises
    BrokenCheckError when `rows` does not work.
    """
    made = Made({item: {} for item in records}, {item: {} for item in records})
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
) -> dict[ItemId, list[_Row | str]]:
    """What `rows` yields for each item's records; a text where it raised, or yields too many, for one of them."""
    assert phase.rows is not None
    flat = [(item, record) for item, group in records.items() for record in group]
    rows: dict[ItemId, list[_Row | str]] = {item: [] for item in records}
    plain = phase.rows.strip().removesuffix("[]") or "."
    if phase.rows.strip().endswith("[]") and is_plain(plain):
        for item, record in flat:
            rows[item] += _bounded(phase, _plain_rows(record, plain))
        return rows
    outcomes = _outcomes(phase, [record for _, record in flat], bounded, variables)
    for (item, record), outcome in zip(flat, outcomes, strict=True):
        found: list[_Row | str] = [(row, record) for row in outcome.results]
        rows[item] += [f"jq: {outcome.error}"] if outcome.error else _bounded(phase, found)
    return rows


def _bounded(phase: PhaseSpec, rows: list[_Row | str]) -> list[_Row | str]:
    """The rows of one record, or why they are too many: a record gone wild must not become sessions by the thousand."""
    if len(rows) <= phase.most:
        return rows
    return [f"one record makes {len(rows):,} of them, more than {phase.most:,} (`items.most` of phase {phase.name})"]


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
        detail = f"rows of phase {phase.name} are broken: {error.message}"
        raise BrokenCheckError(Fault(BROKEN_CHECK, "config", detail[:1000], evidence={"kind": error.kind})) from None


def _plain_rows(record: Json, path: str) -> list[_Row | str]:
    """`.a.b[]` read here, since jq would lose digits of big integers."""
    value = read_path(record, path)
    if isinstance(value, list):
        return [(row, record) for row in value]
    if isinstance(value, dict):
        return [(row, record) for row in value.values()]
    return [f"expected a list at {path}, got {'nothing' if value is MISSING else repr(value)[:80]}"]


def _items(
    phase: PhaseSpec, rows: Sequence[_Row | str], given: Given | None, joined: Mapping[str, Item]
) -> tuple[tuple[Item, ...], list[Reason]]:
    made: list[Item] = []
    reasons: list[Reason] = list(given.reasons) if given else []
    seen: set[str] = set()
    for row in rows:
        if isinstance(row, str):
            reasons.append(Reason(f"no {phase.noun} can be made of it: {row}", "rows"))
            continue
        value, record = row
        id_ = _id_of(phase, value)
        if isinstance(id_, Reason):
            reasons.append(id_)
            continue
        same = folded(id_, exact=phase.exact)
        if same in seen:
            if given is None:  # the plan has said where it is already
                reasons.append(Reason(f"the {phase.noun} {id_!r:.80} is there more than once", "duplicate_id"))
            continue
        seen.add(same)
        item = Item(ItemId(id_), value if isinstance(value, dict) else {"value": value}, None, (record,))
        if phase.join is not None:
            if id_ not in joined:
                reasons.append(Reason(f"there is no {phase.noun} {id_!r:.80}{_meant(id_, joined)}", "unknown_id"))
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
        says = f"a {phase.noun} has neither a text nor a whole number as its id at {phase.id}: {repr(value)[:120]}"
        return Reason(says, "bad_id")
    if trouble := trouble_with(id_):
        return Reason(f"no {phase.noun} can be made of it: {trouble}", "bad_id")
    return id_


def _meant(id_: str, joined: Mapping[str, Item]) -> str:
    near = get_close_matches(id_, list(joined)[:_MOST_COMPARED], n=1, cutoff=0.8)
    return f" in the list of them, did you mean {near[0]!r}?" if near else " in the list of them"


def _left_out(phase: PhaseSpec, joined: Mapping[str, Item], made: Sequence[Item]) -> list[Reason]:
    if phase.join is None or not phase.takes_all:
        return []
    there = {str(item.id) for item in made}
    left = [id_ for id_ in joined if id_ not in there]
    named = ", ".join(f"{id_!r:.80}" for id_ in left[:_MOST_NAMED])
    more = f" and {len(left) - _MOST_NAMED:,} more" if len(left) > _MOST_NAMED else ""
    return [Reason(f"left out: the {phase.noun} {named}{more}", "left_out")] if left else []


def _unplanned(phase: PhaseSpec, given: Given | None, made: Sequence[Item]) -> list[Reason]:
    """Rows that the plan knows nothing of: `rows` and `batch.plan` speak of different things."""
    if given is None or given.reasons:
        return []
    unknown = [item for item in made if not item.planned]
    return [Reason(f"the {phase.noun} {item.id!r:.80} is in no batch of the plan", "plan") for item in unknown[:5]]
