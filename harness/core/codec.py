"""Events as JSON and back: what an entry of the ledger holds."""

import json
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from harness.base.texts import whole
from harness.core.events import Event

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[kind])


def encode(event: Event) -> str:
    """The event's fields as one line of JSON; its kind is the class name.

    Halves of surrogate pairs, which JSON in UTF-8 cannot hold, are U+FFFD in it: no text of a session may end the run.
    """
    adapter = _adapter(type(event).__name__)
    try:
        return adapter.dump_json(event).decode()
    except (UnicodeEncodeError, PydanticSerializationError):
        return adapter.dump_json(_whole(event)).decode()


def _whole(value: Any) -> Any:
    """The value with `texts.whole` for each text in it, however deep."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, dict):
        return {_whole(key): _whole(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_whole, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _whole(getattr(value, each.name)) for each in fields(value)})
    return value


_OUTCOMES = {"well": "succeeded", "partly": "partial", "whole": "failed", "excused": "no_strike"}
_FIELDS = {"believed": "no_strike_retries", "last_excused": "last_no_strike", "doubted": "suspected"}


def _in_todays_words(kind: str, body: str) -> str:
    """What versions up to 0.1.0 wrote with words that are no longer used: read for ever, the entry itself stays."""
    is_old = (kind == "AttemptEnded" and any(f'"outcome":"{word}"' in body for word in _OUTCOMES)) or (
        kind == "GroupQueued" and any(f'"{name}":' in body for name in _FIELDS)
    )
    if not is_old:
        return body
    stored = json.loads(body)
    if not isinstance(stored, dict):
        return body
    told = {_FIELDS.get(name, name): value for name, value in stored.items()}
    if (outcome := told.get("outcome")) in list(_OUTCOMES):
        told["outcome"] = _OUTCOMES[outcome]
    return json.dumps(told)


class UnreadableEntryError(Exception):
    """An entry that no `encode` of this version wrote."""


def decode(kind: str, body: str) -> Event:
    """The event that `encode` wrote. UnreadableEntryError when it cannot have been that."""
    try:
        event: Event = _adapter(kind).validate_json(_in_todays_words(kind, body))
    except KeyError:
        raise UnreadableEntryError(f"an entry of the unknown kind {kind!r}") from None
    except ValueError:  # ValidationError among them
        raise UnreadableEntryError(f"an entry {kind!r} that is not what was written") from None
    return event
