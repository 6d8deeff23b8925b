"""What all parts of a manifest have in common."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, WithJsonSchema

from harness.base.durations import parse_duration

STRICT = ConfigDict(extra="forbid", frozen=True)
"""Of their models: strict on keys, frozen, documented by docstrings (they become the JSON Schema's descriptions)."""


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"expected a whole number, got {str(value).lower()}")
    return value


Whole = BeforeValidator(_number)


def _duration(value: object) -> object:
    if isinstance(value, bool):  # a whole number to Python
        raise ValueError(f"expected a duration such as 90s, 20m or 1h 30m, got {str(value).lower()}")
    return parse_duration(value) if isinstance(value, str | int | float) else value


def none_word(value: object) -> object:
    """The word `none` switches a bound off."""
    return None if value == "none" else value


DURATION_SCHEMA: dict[str, Any] = {"type": ["string", "number"], "examples": ["90s", "20m", "1h 30m"]}
Duration = Annotated[timedelta, BeforeValidator(_duration), WithJsonSchema(DURATION_SCHEMA, mode="validation")]
