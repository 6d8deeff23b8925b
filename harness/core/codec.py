"""Events as JSON and back: what an entry of the ledger holds."""

from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from harness.core.events import Event

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[kind])


def encode(event: Event) -> str:
    """The event's fields as one line of JSON; its kind is the class name."""
    return _adapter(type(event).__name__).dump_json(event).decode()


class UnreadableEntryError(Exception):
    """An entry that no `encode` of this version wrote."""


def decode(kind: str, body: str) -> Event:
    """The event that `encode` wrote. UnreadableEntryError when it cannot have been that."""
    try:
        event: Event = _adapter(kind).validate_json(body)
    except KeyError:
        raise UnreadableEntryError(f"an entry of the unknown kind {kind!r}") from None
    except ValidationError:
        raise UnreadableEntryError(f"an entry {kind!r} that is not what was written") from None
    return event
