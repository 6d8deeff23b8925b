"""An attempt's spec with something changed, wherever in it that lies."""

from dataclasses import fields, replace
from typing import Any

from harness.core.work import AttemptSpec, SessionCaps, Work


def altered(spec: AttemptSpec, **changes: Any) -> AttemptSpec:
    """`session` and `output` are those of its phase; fields of its work and its caps go by their own names."""
    phase = replace(spec.work.phase, **_taken(changes, {"session", "output"}))
    work = replace(spec.work, phase=phase, **_taken(changes, {each.name for each in fields(Work)}))
    caps = replace(spec.caps, **_taken(changes, {each.name for each in fields(SessionCaps)}))
    return replace(spec, work=work, caps=caps, **changes)


def _taken(changes: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: changes.pop(name) for name in names & changes.keys()}
