"""The order of the items: by paths, stable, missing values last, `-` for descending."""

from collections.abc import Sequence

from harness.base.paths import MISSING, path_to, read_path
from harness.base.ranking import Key, sort_keys
from harness.core.types import Item


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
    keyed = sorted(zip(sort_keys([value for _, value in there]), there, strict=True), key=_by_key, reverse=descending)
    return [item for _, (item, _) in keyed] + rest


def _by_key(pair: tuple[Key, object]) -> Key:
    return pair[0]


def _fields(items: Sequence[Item]) -> str:
    names = dict.fromkeys(name for item in items[:100] for name in item.data)
    return ", ".join(path_to(name) for name in list(names)[:20]) or "no fields"
