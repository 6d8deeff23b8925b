"""What a scene is asked in strict mode, and whether the session could know its items at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.base.paths import steps_of
from harness.rehearsal.brief import PhaseBriefing
from harness.rehearsal.prompt_values import Telling, ToldValue, Untold, leaves, unescaped

_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class CheckedValues:
    """`items`, `vars` and `context` of an Ask."""

    items: list[dict[str, Any]]
    vars: dict[str, Any]
    context: dict[str, Any]
    untold: str | None = None
    """Why an item cannot be worked on, in words; None when each can."""


def asked(spec: Mapping[str, Any], phase: PhaseBriefing, telling: Telling, contract: str | None) -> CheckedValues:
    """What of the attempt `spec` the request tells.

    `contract` is the end of the prompt, which names the ids and the output; None for a request without one, a
    subagent's for instance: its ids are taken for told, and nothing is demanded of it.
    """
    items = [item for item in spec.get("items", ()) if contract is None or _is_told(item["id"], contract, telling)]
    told = [_item_told(item, phase, telling) for item in items]
    untold = None
    if contract is not None:
        pairs = zip(items, told, strict=True)
        untold = next((why for item, part in pairs if (why := _why_unknown(item, part, phase))), None)
    vars_ = _object_told(spec.get("vars") or {}, "vars", telling, phase.named.has_var)
    context = _object_told(spec.get("context") or {}, "context", telling, phase.named.has_context)
    return CheckedValues(told, vars_, context, untold)


def _is_told(id_: str, contract: str, telling: Telling) -> bool:
    return id_ in contract or id_ in unescaped(contract) or telling.says_path(id_)


def _item_told(item: Mapping[str, Any], phase: PhaseBriefing, telling: Telling) -> dict[str, Any]:
    place = f"item {item['id']}"
    told: dict[str, Any] = {"id": item["id"], "data": _row_told(item, phase, telling, place)}
    file, records = item.get("file"), item.get("records") or []
    if file is None or telling.says_path(file):
        told["file"] = file
    part = telling.part_told(records, f"{place}: records", named=phase.named.has_field("records"))
    if not records or not isinstance(part, Untold):
        told["records"] = records if not records else part
    return ToldValue(told, item.keys() - told.keys(), place)


def _row_told(item: Mapping[str, Any], phase: PhaseBriefing, telling: Telling, place: str) -> ToldValue:
    first = _id_field(phase)

    def is_named(name: str) -> bool:
        return phase.named.has_field(name) or (name == first and phase.named.has_field("id"))

    return _object_told(item.get("data") or {}, place, telling, is_named)


def _object_told(value: Mapping[str, Any], place: str, telling: Telling, is_named: Callable[[str], bool]) -> ToldValue:
    parts = {name: telling.part_told(part, f"{place}.{name}", named=is_named(name)) for name, part in value.items()}
    told = {name: part for name, part in parts.items() if not isinstance(part, Untold)}
    return ToldValue(told, value.keys() - told.keys(), place)


def _id_field(phase: PhaseBriefing) -> str | None:
    """The field of a row that holds the id, or in which it lies; None where the id is no part of a row."""
    steps = steps_of(phase.id) if phase.id is not None else None
    if steps is None:
        return None
    return str(steps[0]) if steps else "value"  # of a bare value


def _why_unknown(item: Mapping[str, Any], told: Mapping[str, Any], phase: PhaseBriefing) -> str | None:
    """Nothing of the item that its work could be about is in the request.

    That is its path for a file, else any field of its row or any record. A field called `id` is a mere number for
    those that have other fields; one under another name (`id: .company`) says something.
    """
    content, known = dict(item.get("data") or {}), dict(told["data"])
    if item.get("file") is not None:
        content, known = {"path": item["file"]}, {"path": told.get("file")}
    content["records"], known["records"] = item.get("records"), told.get("records")
    if phase.id == ".id" and _says_something({**content, "id": None}):
        content.pop("id", None)
        known.pop("id", None)
    if phase.named.names_items and (_says_something(known) or not _says_something(content)):
        return None
    missing = [name for name, value in content.items() if _says_something(value)]
    return f"{phase.prompt} gives a session only the id of {item['id']!r}: {_listed(missing)}"


def _says_something(value: Any) -> bool:
    return any(not isinstance(leaf, Untold) for leaf in leaves(value))


def _listed(names: list[str]) -> str:
    if not names:
        return "it names no item"
    more = ", ..." if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more} {'are' if len(names) > 1 else 'is'} not in the request"
