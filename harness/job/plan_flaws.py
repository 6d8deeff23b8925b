"""What may be wrong with a batch plan: kinds with facts, and their words, which people and the model read alike."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from harness.base.fact_format import Words, filled, quoted
from harness.base.reason import cut_text

FlawKind = Literal[
    "no_batches", "empty", "not_a_batch", "wrong_number", "too_many", "not_a_list", "not_an_id", "repeated_id",
    "unknown_id", "unplanned_ids", "wrong_total", "not_a_field_name", "not_a_duration", "not_a_pace", "not_a_number",
    "unknown_key",
]  # fmt: skip
_MOST_SHOWN: Final = 60
_NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that is wrong with a plan, and where. `facts` has the names that `EXAMPLES` shows for the kind."""

    path: tuple[str | int, ...]
    kind: FlawKind
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return flaw_text(self.kind, self.facts)


def flaw_text(kind: str, facts: Mapping[str, Any]) -> str:
    """One clause without the place."""
    return filled(WORDS, kind, facts, lambda value, _: _but(value))


def shown(value: Any) -> str:
    """A value of the plan as a fact: JSON, cut; `nothing` where there is none."""
    return _NOTHING if value is None else cut_text(json.dumps(value, ensure_ascii=False), _MOST_SHOWN)


def _number(facts: Mapping[str, Any]) -> str:
    most = f" to {facts['most']:,}" if facts.get("most") else ""
    return f"expected a whole number from {facts['least']}{most}{_but(facts['got'])}"


def _but(got: str) -> str:
    """What stands there instead, `, got 3`."""
    return ", but nothing is there" if got == _NOTHING else f", got {got}"


def _unknown(facts: Mapping[str, Any]) -> str:
    return f"unknown {facts['noun']} {quoted(facts['id'])}{_meant(facts)}"


def _meant(facts: Mapping[str, Any]) -> str:
    return f", did you mean {quoted(facts['meant'])}?" if facts.get("meant") else ""


# fmt: off
WORDS: Final[Words] = {
    "no_batches": "expected an object with a list `batches`{got:but}",
    "empty": "expected at least one batch, got an empty list",
    "not_a_batch": "expected an object with `batch_id` and `{ids}`{got:but}",
    "wrong_number": "expected {number}{got:but}: batches are numbered from 1, in order",
    "too_many": "batch {number} has {count:n} ids, more than {most:n} ({bound})",
    "not_a_list": "expected a list of ids{got:but}",
    "not_an_id": "expected an id, a string or a whole number{got:but}",
    "repeated_id": "{id:q} is listed twice; batch {number} has it already",
    "unknown_id": _unknown,
    "unplanned_ids": "these ids are in no batch: {ids:names}{more:more}",
    "wrong_total": "expected {count:n}, the number of ids in all batches, got {total:n}",
    "not_a_field_name": "expected the name of a field{got:but}",
    "not_a_duration": "expected a duration such as 30s, 45min or 2h{got:but}",
    "not_a_pace": "expected an object with `{calls}` and `{at_once}`{got:but}",
    "not_a_number": _number,
    "unknown_key": lambda facts: f"unknown key{_meant(facts)}",
}
EXAMPLES: Final[Mapping[FlawKind, Mapping[str, Any]]] = {
    "no_batches": {"got": '{"total_leads": 2}'},
    "empty": {},
    "not_a_batch": {"ids": "leads", "got": "3"},
    "wrong_number": {"number": 2, "got": "3"},
    "too_many": {"number": 1, "count": 12, "most": 10, "bound": "batch_size"},
    "not_a_list": {"got": "nothing"},
    "not_an_id": {"got": "1.5"},
    "repeated_id": {"id": "lead_001", "number": 1},
    "unknown_id": {"noun": "lead", "id": "lead_01", "meant": "lead_001"},
    "unplanned_ids": {"ids": ["lead_002", "lead_003"], "more": 4},
    "wrong_total": {"count": 49, "total": 50},
    "not_a_field_name": {"got": "7"},
    "not_a_duration": {"got": '"soon"'},
    "not_a_pace": {"calls": "api_calls_per_minute", "at_once": "concurrent_dossiers", "got": "10"},
    "not_a_number": {"least": 1, "most": 256, "got": "0"},
    "unknown_key": {"meant": "batch_size"},
}
# fmt: on
