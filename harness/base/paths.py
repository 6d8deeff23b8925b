"""Plain paths such as `.id`, `.a.b`, `.[0]`, `.a[2].b`: a part of jq that is read in Python and keeps big integers."""

import json
import re
from enum import Enum
from functools import lru_cache
from typing import Any, Final


class Missing(Enum):
    """What `read_path` answers when there is nothing at the path; unlike jq's null it is no JSON value."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_STEP = re.compile(
    rf"\.?\[(?P<index>-?\d{{1,9}})\]|\.?\[(?P<inside>{_QUOTED})\]|\.(?P<name>[A-Za-z_]\w*|{_QUOTED})", re.ASCII
)

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def is_plain(path: str) -> bool:
    """True for `.` and for a chain of `.name`, `."any name"`, `["any name"]` and `[number]`; false for any other jq."""
    return steps_of(path) is not None


def read_path(value: Any, path: str) -> Any | Missing:
    """What is at `path` in `value`, untouched; MISSING when a name, an index or a container is not there.

    A negative index counts from the end. ValueError when the path is not plain.
    """
    steps = steps_of(path)
    if steps is None:
        raise ValueError(f"expected a plain path such as .id or .a[0].b, got {path!r}")
    for step in steps:
        if not _holds(value, step):
            return MISSING
        value = value[step]
    return value


def path_to(name: str) -> str:
    """The plain path of a name within an object: `.id`, `.["Review ID"]`."""
    return f".{name}" if _NAME.fullmatch(name) else f".[{json.dumps(name, ensure_ascii=False)}]"


def put_at(value: Any, path: str, new: Any) -> Any:
    """A copy of `value` with `new` at `path`; objects that are missing on the way are made.

    ValueError when the path is not plain, or leads through a list too short or a value that is no container.
    """
    steps = steps_of(path)
    if steps is None:
        raise ValueError(f"expected a plain path such as .id or .a[0].b, got {path!r}")
    return _put(value, steps, new, path)


def _put(value: Any, steps: tuple[str | int, ...], new: Any, path: str) -> Any:
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    if isinstance(step, str) and (value is None or isinstance(value, dict)):
        value = value or {}
        return {**value, step: _put(value.get(step), rest, new, path)}
    if isinstance(step, int) and _holds(value, step):
        copy = list(value)
        copy[step] = _put(value[step], rest, new, path)
        return copy
    raise ValueError(f"nothing can be put at {path}: {value!r:.80} has no place for {step!r}")


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(step, str):
        return isinstance(value, dict) and step in value
    return isinstance(value, list) and -len(value) <= step < len(value)


@lru_cache(maxsize=1024)
def steps_of(path: str) -> tuple[str | int, ...] | None:
    """The names and indexes of a plain path, outermost first; None when it is no plain path."""
    path = path.strip()
    if path == ".":
        return ()
    if not path.startswith("."):
        return None
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        step = _step(match)
        if step is None:
            return None
        steps.append(step)
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> str | int | None:
    if match["index"] is not None:
        return int(match["index"])
    name: str = match["inside"] or match["name"]
    if not name.startswith('"'):
        return name
    if "\\(" in name:
        return None  # jq would interpolate here
    try:
        return str(json.loads(name))
    except ValueError:
        return None
