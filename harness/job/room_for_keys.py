"""Whether a schema has room for what every record must carry; else no record could ever pass it."""

import re
from collections.abc import Mapping
from typing import Any

from harness.base.paths import steps_of


def refuses_text_at(schema: Any, path: str) -> str | None:
    """Why no record of this schema can have a text at the plain `path`, in words; None where that is not certain."""
    steps = steps_of(path)
    if steps is None:
        return None
    for number, step in enumerate(steps):
        if not isinstance(schema, Mapping) or not isinstance(step, str):
            return None
        if number and (wanted := _wants_other(schema, "object")):
            return f"wants {wanted} at .{'.'.join(map(str, steps[:number]))}"
        inner = _at(schema, step)
        if inner is False:
            return f"forbids {step!r}"
        schema = inner
    wanted = _wants_other(schema, "string")
    return f"wants {wanted} at {path}" if wanted else None


def _wants_other(schema: Any, than: str) -> str | None:
    """The types that a schema asks for, in words, when this one is not among them."""
    type_ = schema.get("type") if isinstance(schema, Mapping) else None
    kinds = [type_] if isinstance(type_, str) else type_
    is_other = isinstance(kinds, list) and kinds and than not in kinds
    return " or ".join(map(str, kinds)) if is_other and kinds else None


def _at(schema: Mapping[str, Any], name: str) -> Any:
    """The schema of a member; False where there must be none, True where nothing is said."""
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    if name in properties:
        return properties[name]
    if any(re.search(pattern, name) for pattern in patterns):
        return True
    return schema.get("additionalProperties", True)
