"""What all parts of a manifest have in common."""

from pydantic import BeforeValidator, ConfigDict

STRICT = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
"""Of their models: strict on keys, frozen, documented by docstrings (they become the JSON Schema's descriptions)."""


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"expected a whole number, got {str(value).lower()}")
    return value


Whole = BeforeValidator(_number)
