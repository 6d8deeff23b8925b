"""Events as JSON and back: what an entry of the ledger holds."""

from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter

from harness.core.events import Event

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[kind])


def encode(event: Event) -> str:
    """The event's fields as one line of JSON; its kind is the class name."""
    return _adapter(type(event).__name__).dump_json(event).decode()


def decode(kind: str, body: str) -> Event:
    """The event that `encode` wrote. KeyError for a kind that this version does not know."""
    event: Event = _adapter(kind).validate_json(body)
    return event
