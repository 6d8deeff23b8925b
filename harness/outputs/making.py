"""Makes the items of a next phase out of accepted records: seeds become LEGOs."""

from collections.abc import Mapping, Sequence

from harness.base.bounded import Bounded, BoundedError, JqOutcome
from harness.base.ids import ItemId
from harness.base.paths import MISSING, is_plain, read_path
from harness.base.reason import Reason
from harness.core.faults import BROKEN_CHECK
from harness.core.item_ids import folded, trouble_with
from harness.core.types import Fault, Item, Json
from harness.job.job import PhaseSpec
from harness.outputs.checks import JQ_S
from harness.outputs.suspects import BrokenCheckError, Reasons

Made = dict[ItemId, dict[int, tuple[Item, ...]]]
"""Item -> phase number -> the items that this phase makes out of its records, in record order."""


def make(
    phases: Sequence[PhaseSpec],
    records: Mapping[ItemId, Sequence[Json]],
    bounded: Bounded,
    variables: Mapping[str, Json],
) -> tuple[Made, Reasons]:
    """The made items of every item, and why some records cannot be taken: an id missing, neither text nor a whole
    number, one that no source could have, or given twice by one item; or more rows of one record than `most`.

    `phases` are those that take from this phase; those without `rows` make nothing. Raises
    BrokenCheckError when `rows` does not work.
    """
    made: Made = {item: {} for item in records}
    rejected: Reasons = {}
    for phase in phases:
        if phase.rows is None:
            continue
        for item, rows in _rows(phase, records, bounded, variables).items():
            items, reasons = _items(phase, rows)
            made[item][phase.number] = items
            if reasons:
                rejected.setdefault(item, []).extend(reasons)
    return made, rejected


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


def _items(phase: PhaseSpec, rows: Sequence[_Row | str]) -> tuple[tuple[Item, ...], list[Reason]]:
    made: list[Item] = []
    reasons: list[Reason] = []
    seen: set[str] = set()
    for row in rows:
        if isinstance(row, str):
            reasons.append(Reason(f"no {phase.noun} can be made of it: {row}", "rows"))
            continue
        value, record = row
        id_ = read_path(value, phase.id or ".id")
        id_ = str(id_) if isinstance(id_, int) and not isinstance(id_, bool) else id_
        if not isinstance(id_, str) or not id_.strip():
            says = f"a {phase.noun} has neither a text nor a whole number as its id at {phase.id}: {repr(value)[:120]}"
            reasons.append(Reason(says, "bad_id"))
            continue
        if trouble := trouble_with(id_):
            reasons.append(Reason(f"no {phase.noun} can be made of it: {trouble}", "bad_id"))
            continue
        same = folded(id_, exact=phase.exact)
        if same in seen:
            reasons.append(Reason(f"the {phase.noun} {id_!r:.80} is there more than once", "duplicate_id"))
            continue
        seen.add(same)
        made.append(Item(ItemId(id_), value if isinstance(value, dict) else {"value": value}, None, (record,)))
    return tuple(made), reasons
