"""`reuse` in a manifest: how old records of other jobs may be that are taken over, and of which jobs."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.job.model import DURATION_SCHEMA, STRICT, Duration, none_word


class Reuse(BaseModel):
    """Records of other jobs of this manifest that are taken over instead of made again."""

    within: Duration
    """How old they may be, `30d`."""
    from_: list[str] | None = Field(default=None, alias="from")
    """Names of instances (`--as`), the manifest's own for the job without one; by default all of them."""

    model_config = ConfigDict(**STRICT, populate_by_name=True)


def as_reuse(value: object) -> object:
    """`30d` is short for {within: 30d}."""
    value = none_word(value)
    if isinstance(value, dict) and "within" not in value:
        raise ValueError("expected a duration such as 30d, or {within: 30d, from: [NAME]}")
    return value if value is None or isinstance(value, dict | Reuse) else {"within": value}


REUSE_SCHEMA: dict[str, Any] = {
    "type": ["string", "number", "object"],
    "properties": {"within": DURATION_SCHEMA, "from": {"type": "array", "items": {"type": "string"}}},
    "required": ["within"],
    "additionalProperties": False,
    "examples": ["30d"],
}
