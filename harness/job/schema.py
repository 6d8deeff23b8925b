"""The JSON Schema of a manifest, for editors and for people; made of the pydantic model alone."""

import re
from typing import Any

from harness.job.manifest import Manifest

_ISO_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


def manifest_schema() -> dict[str, Any]:
    """Draft 2020-12, with the descriptions of the model, always in the same order."""
    schema = Manifest.model_json_schema(by_alias=True, mode="validation")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Harness job",
        "description": "One job of agent-loop-harness: what job.yaml may hold.",
    }
    plain: dict[str, Any] = _tidied(schema)
    return {**head, **{key: part for key, part in plain.items() if key not in head}}


def _tidied(part: Any, *, is_names: bool = False) -> Any:
    """Without the titles that pydantic makes out of names, durations as people write them; `is_names`: the keys of
    `part` are names of the user's."""
    if isinstance(part, dict):
        return {
            key: _duration(value)
            if key == "default" and not is_names
            else _tidied(value, is_names=key in ("properties", "$defs") and not is_names)
            for key, value in part.items()
            if is_names or key != "title"
        }
    return [_tidied(each) for each in part] if isinstance(part, list) else part


def _duration(default: Any) -> Any:
    """`PT1M30S` -> `1m 30s`; anything else stays."""
    match = _ISO_DURATION.fullmatch(default) if isinstance(default, str) else None
    if match is None:
        return default
    return " ".join(f"{number}{unit}" for number, unit in zip(match.groups(), "hms", strict=True) if number)
