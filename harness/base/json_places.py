"""Finds places in a JSON text that is already known to be JSON; only for messages, so it may be slow."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)


@dataclass(slots=True)
class _Container:
    is_object: bool
    step: str | int
    """The key or index of the value that comes next, or was last."""
    expects_key: bool
    keys: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Spot:
    """A value (or a key, when `is_key`) and the offset of its first character. `path` leads to the value."""

    path: tuple[str | int, ...]
    offset: int
    is_key: bool
    is_repeated: bool = False
    """For a key: its object has had it before."""


def spots(text: str) -> Iterator[Spot]:
    """Every key and every value, in the order of the text. Ends early where the text is no JSON."""
    stack: list[_Container] = []
    for match in _TOKEN.finditer(text):
        piece = match[0]
        if piece in "]}":
            if not stack:
                return
            stack.pop()
        elif piece == ",":
            if not stack:
                return
            top = stack[-1]
            if top.is_object:
                top.expects_key = True
            elif isinstance(top.step, int):
                top.step += 1
        elif piece == ":":
            continue
        elif stack and stack[-1].expects_key:
            yield _key(stack, piece, match.start())
        else:
            yield Spot(tuple(container.step for container in stack), match.start(), is_key=False)
            if piece in "[{":
                stack.append(_Container(piece == "{", "" if piece == "{" else 0, piece == "{"))


def offsets_below(text: str, path: Sequence[str | int]) -> list[int]:
    """Where the elements of the array, or the values of the object, at `path` start. Indexes in `path` from 0."""
    wanted = tuple(path)
    return [
        spot.offset
        for spot in spots(text)
        if not spot.is_key and len(spot.path) == len(wanted) + 1 and spot.path[:-1] == wanted
    ]


def offset_of_repeated_key(text: str) -> int:
    """Where the first key stands that its object has had before; 0 when there is none."""
    return next((spot.offset for spot in spots(text) if spot.is_repeated), 0)


def _key(stack: list[_Container], piece: str, offset: int) -> Spot:
    top = stack[-1]
    top.step = _unquoted(piece)
    top.expects_key = False
    repeated = top.step in top.keys
    top.keys.add(top.step)
    return Spot(tuple(container.step for container in stack), offset, is_key=True, is_repeated=repeated)


def _unquoted(piece: str) -> str:
    plain = piece[1:-1]
    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", _unescaped, plain, flags=re.DOTALL) if "\\" in plain else plain


def _unescaped(match: re.Match[str]) -> str:
    escape = match[1]
    if len(escape) == 5:
        return chr(int(escape[1:], 16))
    return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}.get(escape, escape)
