"""A batch plan: which items are worked on together, in what order, and how fast. Its form is the JSON of document 000.

    {"batch_plan": {"total_leads": 50, "batch_size": 10, "priority_order": "signal_strength",
                    "batches": [{"batch_id": 1, "leads": ["lead_001"], "estimated_time": "30min"}],
                    "throttling": {"api_calls_per_minute": 10, "concurrent_dossiers": 3}}}

A person may have edited it and a model may have written it, so all that is wrong with it is found at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final

from harness.base.durations import parse_duration
from harness.base.nouns import plural, snake
from harness.base.reason import cut_text
from harness.job.bounds import Rate
from harness.job.plan_flaws import Flaw, FlawKind, shown

PlanPath = tuple[str | int, ...]
"""Where something is within the plan, from the top of the JSON that was given."""

TOP: Final = "batch_plan"
CALLS: Final = "api_calls_per_minute"
AT_ONCE: Final = "concurrent_dossiers"
MOST_CALLS: Final = 100_000
MOST_AT_ONCE: Final = 256
MOST_IN_A_BATCH: Final = 10_000
_MOST_NAMED: Final = 5
_MOST_CHARACTERS: Final = 80


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a plan lets its batches run; None = it does not say."""

    starts_per_minute: int | None = None
    at_once: int | None = None

    @property
    def rate(self) -> Rate | None:
        return Rate(self.starts_per_minute, timedelta(minutes=1)) if self.starts_per_minute else None


NO_PACE: Final = Pace()


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """`batches`: the ids of each, batch 1 first. Every id is there once, unless flaws were found with it."""

    batches: tuple[tuple[str, ...], ...]
    pace: Pace = NO_PACE
    places: Mapping[str, PlanPath] = field(default_factory=dict)
    """Id -> where it stands."""
    top: PlanPath = ()
    """Where `batches` stands."""

    @property
    def largest(self) -> int:
        """How many the largest batch holds; at least 1."""
        return max([1, *map(len, self.batches)])

    def number_of(self) -> dict[str, int]:
        """Id -> the number of its batch, from 1, in the order of the plan."""
        return {id_: number for number, batch in enumerate(self.batches, 1) for id_ in batch}


def read_plan(value: Any, noun: str = "lead") -> tuple[BatchPlan, list[Flaw]]:
    """The plan in a JSON value, and every flaw of it; a plan with flaws holds what could be read.

    `value` is the object with `batches`, or one that has it at `batch_plan`. Its items may be called after the job's
    noun: `schools` and `total_schools` beside the document's `leads` and `total_leads`, or `items`.
    """
    top: PlanPath = (TOP,) if isinstance(value, dict) and TOP in value else ()
    plan = value[TOP] if top else value
    if not isinstance(plan, dict) or not isinstance(plan.get("batches"), list):
        return BatchPlan((), top=top), [Flaw(top, "no_batches", {"got": shown(plan)})]
    return _PlanReading(top, noun).read(plan)


def against(plan: BatchPlan, ids: Sequence[str], noun: str, *, all_of_them: bool = True) -> list[Flaw]:
    """Ids that the plan has and the source does not, and, when it must name `all_of_them`, those that it leaves out."""
    known = set(ids)
    invented = [id_ for batch in plan.batches for id_ in batch if id_ not in known]
    flaws = [
        Flaw(plan.places[id_], "unknown_id", _unknown(noun, id_, ids if at < _MOST_NAMED else ()))
        for at, id_ in enumerate(invented)
    ]
    left = [id_ for id_ in dict.fromkeys(ids) if id_ not in plan.places]
    if left and all_of_them:
        named = [cut_text(id_, _MOST_CHARACTERS) for id_ in left[:_MOST_NAMED]]
        facts = {"ids": named, "more": max(0, len(left) - _MOST_NAMED)}
        flaws.append(Flaw((*plan.top, "batches"), "unplanned_ids", facts))
    return flaws


def _unknown(noun: str, id_: str, known: Sequence[str]) -> dict[str, Any]:
    return {"noun": noun, "id": cut_text(id_, _MOST_CHARACTERS), "meant": _meant(id_, known)}


def _meant(word: str, known: Sequence[str]) -> str | None:
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return near[0] if near else None


class _PlanReading:
    """One plan that is read, and what is wrong with it."""

    def __init__(self, top: PlanPath, noun: str) -> None:
        self._top = top
        self._names = tuple(dict.fromkeys(("leads", snake(plural(noun)), f"{snake(noun)}s", "items")))
        self._flaws: list[Flaw] = []
        self._places: dict[str, PlanPath] = {}
        self._batch_of: dict[str, int] = {}
        self._written = 0

    def read(self, plan: Mapping[str, Any]) -> tuple[BatchPlan, list[Flaw]]:
        totals = tuple(f"total_{name}" for name in self._names)
        self._know((), plan, (*totals, "batch_size", "priority_order", "batches", "throttling"), is_strict=False)
        size = self._whole(("batch_size",), plan.get("batch_size"), MOST_IN_A_BATCH)
        order = plan.get("priority_order")
        if order is not None and not isinstance(order, str):
            self._flaw(("priority_order",), "not_a_field_name", got=shown(order))
        if not plan["batches"]:
            self._flaw(("batches",), "empty")
        batches = tuple(self._batch(number, batch, size) for number, batch in enumerate(plan["batches"], 1))
        if batches:
            self._check_total(plan, totals)
        return BatchPlan(batches, self._pace(plan.get("throttling")), self._places, self._top), self._flaws

    def _batch(self, number: int, batch: Any, size: int | None) -> tuple[str, ...]:
        at: PlanPath = ("batches", number - 1)
        if not isinstance(batch, dict):
            self._flaw(at, "not_a_batch", ids=self._names[0], got=shown(batch))
            return ()
        times = ("estimated_time", "estimated_seconds")
        self._know(at, batch, ("batch_id", *self._names, *times), is_strict=False)
        id_ = batch.get("batch_id")
        if id_ != number or isinstance(id_, bool) or not isinstance(id_, int):
            self._flaw((*at, "batch_id"), "wrong_number", number=number, got=shown(id_))
        for name in times:
            self._check_time((*at, name), batch.get(name))
        name = next((name for name in self._names if name in batch), self._names[0])
        ids = tuple(self._ids((*at, name), batch.get(name), number))
        most, bound = (MOST_IN_A_BATCH, "the maximum") if size is None else (size, "batch_size")
        if len(ids) > most:
            self._flaw((*at, name), "too_many", number=number, count=len(ids), most=most, bound=bound)
        return ids

    def _ids(self, at: PlanPath, ids: Any, number: int) -> Iterator[str]:
        if not isinstance(ids, list) or not ids:
            self._flaw(at, "not_a_list", got=shown(ids))
            return
        self._written += len(ids)
        for index, id_ in enumerate(ids):
            text = str(id_) if isinstance(id_, int) and not isinstance(id_, bool) else id_
            if not isinstance(text, str) or not text.strip():
                self._flaw((*at, index), "not_an_id", got=shown(id_))
            elif text in self._places:
                where = self._batch_of[text]
                self._flaw((*at, index), "repeated_id", id=cut_text(text, _MOST_CHARACTERS), number=where)
            else:
                self._places[text], self._batch_of[text] = (*self._top, *at, index), number
                yield text

    def _check_total(self, plan: Mapping[str, Any], names: Iterable[str]) -> None:
        for name in names:
            total = self._whole((name,), plan.get(name), None, least=0)
            if total is not None and total != self._written:
                self._flaw((name,), "wrong_total", count=self._written, total=total)

    def _check_time(self, at: PlanPath, text: Any) -> None:
        if text is None:
            return
        try:
            parse_duration(text if isinstance(text, str | int | float) and not isinstance(text, bool) else repr(text))
        except ValueError:
            self._flaw(at, "not_a_duration", got=shown(text))

    def _pace(self, throttling: Any) -> Pace:
        at: PlanPath = ("throttling",)
        if throttling is None:
            return NO_PACE
        if not isinstance(throttling, dict):
            self._flaw(at, "not_a_pace", calls=CALLS, at_once=AT_ONCE, got=shown(throttling))
            return NO_PACE
        self._know(at, throttling, (CALLS, AT_ONCE), is_strict=True)
        calls = self._whole((*at, CALLS), throttling.get(CALLS), MOST_CALLS)
        return Pace(calls, self._whole((*at, AT_ONCE), throttling.get(AT_ONCE), MOST_AT_ONCE))

    def _whole(self, at: PlanPath, value: Any, most: int | None, *, least: int = 1) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least or (most and value > most):
            self._flaw(at, "not_a_number", least=least, most=most, got=shown(value))
            return None
        return value

    def _know(self, at: PlanPath, given: Mapping[str, Any], known: Sequence[str], *, is_strict: bool) -> None:
        """A misspelled key would have no effect; any other unknown key is a note of its author."""
        for name in given:
            if name not in known and (is_strict or get_close_matches(str(name), known, n=1, cutoff=0.8)):
                self._flaw((*at, name), "unknown_key", meant=_meant(str(name), known))

    def _flaw(self, at: PlanPath, kind: FlawKind, **facts: Any) -> None:
        self._flaws.append(Flaw((*self._top, *at), kind, facts))
