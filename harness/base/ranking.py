"""How values of rows compare: as numbers where they are numbers, texts of a table among them, else as texts."""

import math
from collections.abc import Sequence
from typing import Any

Key = tuple[int, int | float, str]


def sort_keys(values: Sequence[Any]) -> list[Key]:
    """A key for each value; numbers come before text. Texts count as numbers when all of the values are numbers."""
    numeric = all(number_of(value) is not None for value in values)
    return [_key(value, numeric) for value in values]


def number_of(value: Any) -> int | float | None:
    """The number, exact for integers of any size; of a text that is one, too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    for kind in (int, float):
        try:
            number = value if isinstance(value, int | float) else kind(value)
        except ValueError:
            continue
        return number if isinstance(number, int) or math.isfinite(number) else None
    return None


def _key(value: Any, numeric: bool) -> Key:
    if isinstance(value, bool):
        return 0, float(value), ""
    if isinstance(value, int | float) or numeric:
        return 1, number_of(value) or 0, ""
    return 2, 0.0, value if isinstance(value, str) else repr(value)
