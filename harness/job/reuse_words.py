"""`reuse` in a manifest: how old records of other jobs may be that are taken over, and of which jobs."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from harness.job.model import STRICT, Duration, none_word

_WITHIN_SCHEMA: Final[dict[str, Any]] = {"type": "string", "examples": ["30d", "12h"]}


def _with_unit(value: object) -> object:
    """A bare number would be seconds, and hardly anybody means those here."""
    text = str(value).strip()
    if not isinstance(value, bool) and text.replace(".", "", 1).isdecimal():
        raise ValueError(f"{text} of what? Write {text}d for days or {text}h for hours")
    return value


class Reuse(BaseModel):
    """Records of other jobs of this manifest that are taken over instead of made again."""

    within: Annotated[Duration, BeforeValidator(_with_unit), WithJsonSchema(_WITHIN_SCHEMA, mode="validation")]
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
    "type": ["string", "object"],
    "properties": {"within": _WITHIN_SCHEMA, "from": {"type": "array", "items": {"type": "string"}}},
    "required": ["within"],
    "additionalProperties": False,
    "examples": ["30d"],
}
