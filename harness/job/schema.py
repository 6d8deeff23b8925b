"""The JSON Schema of a manifest, for editors and for people; made of the pydantic model alone."""

import re
from typing import Any

from pydantic import BaseModel

from harness.job.manifest import Bound, Caps, Manifest, Session

_NULL = {"type": "null"}
_ISO_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


def manifest_schema() -> dict[str, Any]:
    """Draft 2020-12, with the descriptions of the model, always in the same order."""
    schema = Manifest.model_json_schema(by_alias=True, mode="validation")
    _name_none(Manifest, schema)
    for model in (Session, Caps):
        _name_none(model, schema["$defs"][model.__name__])
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Harness job",
        "description": "One job of agent-loop-harness: what job.yaml may hold.",
    }
    plain: dict[str, Any] = _tidied(schema)
    return {**head, **{key: part for key, part in plain.items() if key not in head}}


def _name_none(model: type[BaseModel], part: dict[str, Any]) -> None:
    """A bound is switched off by the word none, in YAML a text; null is written nowhere."""
    for name, field in model.model_fields.items():
        if Bound in field.metadata:
            choices = part["properties"][name]["anyOf"]
            choices[choices.index(_NULL)] = {"const": "none"}


def _tidied(part: Any, *, is_names: bool = False) -> Any:
    """Without null and the titles that pydantic makes out of names; durations as people write them. `is_names`: the
    keys of `part` are names of the user's."""
    if isinstance(part, list):
        return [_tidied(each) for each in part if each != _NULL]
    if not isinstance(part, dict):
        return part
    if is_names:
        return {name: _tidied(each) for name, each in part.items()}
    return {
        key: _duration(value) if key == "default" else _tidied(value, is_names=key in ("properties", "$defs"))
        for key, value in part.items()
        if key != "title" and not (key == "default" and value is None)
    }


def _duration(default: Any) -> Any:
    """`PT1M30S` -> `1m 30s`; anything else stays."""
    match = _ISO_DURATION.fullmatch(default) if isinstance(default, str) else None
    if match is None:
        return default
    return " ".join(f"{number}{unit}" for number, unit in zip(match.groups(), "hms", strict=True) if number)
