"""The order of the items: by paths, stable, missing values last, `-` for descending."""

import math
from collections.abc import Sequence

from harness.base.paths import MISSING, path_to, read_path
from harness.core.types import Item, Json

Key = tuple[int, int | float, str]


class UnknownFieldError(ValueError):
    """No item has anything at a path of `order`."""


def ordered(items: Sequence[Item], order: Sequence[str]) -> list[Item]:
    """The items sorted by the first path, then the second, ...; equal ones stay as they were.

    Numbers come before text. A field whose values are all texts that are numbers (CSV) is compared as numbers.
    UnknownFieldError when no item has a field.
    """
    result = list(items)
    for path in reversed(order):
        result = _by(result, path.removeprefix("-"), descending=path.startswith("-"))
    return result


def _by(items: list[Item], path: str, *, descending: bool) -> list[Item]:
    values = [read_path(item.data, path) for item in items]
    there = [(item, value) for item, value in zip(items, values, strict=True) if value is not MISSING and value != ""]
    there = [(item, value) for item, value in there if value is not None]
    if items and not there:
        raise UnknownFieldError(f"no item has anything at {path}; they have {_fields(items)}")
    rest = [item for item, value in zip(items, values, strict=True) if value is MISSING or value is None or value == ""]
    numeric = all(_number(value) is not None for _, value in there)
    there.sort(key=lambda pair: _key(pair[1], numeric), reverse=descending)
    return [item for item, _ in there] + rest


def _key(value: Json, numeric: bool) -> Key:
    if isinstance(value, bool):
        return 0, float(value), ""
    if isinstance(value, int | float) or numeric:
        return 1, _number(value) or 0, ""
    return 2, 0.0, value if isinstance(value, str) else repr(value)


def _number(value: Json) -> int | float | None:
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


def _fields(items: Sequence[Item]) -> str:
    names = dict.fromkeys(name for item in items[:100] for name in item.data)
    return ", ".join(path_to(name) for name in list(names)[:20]) or "no fields"
