"""What is to be said to a person, as data: a kind and its facts. Only `views` and `cli` form sentences of it.

The ledger records messages, programs decide by `kind`, and `views/messages.py` has the words of each. A fact is plain
JSON: an amount in micro-dollars (`*_microusd`), a count, a name, a time as ISO 8601 in UTC, a text from elsewhere, or
another message as JSON; never a sentence of ours.
"""

import json
from dataclasses import dataclass, field
from typing import Any, cast

from harness.core.message_kinds import Kind


@dataclass(frozen=True, slots=True)
class Message:
    """`facts` has exactly the names that `message_kinds.EXAMPLES` shows for the kind."""

    kind: Kind
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "facts": self.facts}


def message(kind: Kind, **facts: Any) -> Message:
    """`message("budget", budget_microusd=40_000_000)`."""
    return Message(kind, facts)


def told(text: str) -> Message:
    """A sentence that an older version, or another program, has formed: it is shown as it is."""
    return Message("told", {"text": text})


def from_json(text: str) -> Message:
    """Out of the text of a column of the ledger."""
    return message_from(json.loads(text))


def message_from(value: Any) -> Message:
    """Out of JSON as `as_json` gives it, or out of the text that ledgers and files had before there were messages.

    ValueError for anything else. A kind that this version does not know is taken as it is.
    """
    if isinstance(value, str):
        return told(value)
    if isinstance(value, dict) and isinstance(value.get("kind"), str) and isinstance(value.get("facts", {}), dict):
        return Message(cast(Kind, value["kind"]), value.get("facts", {}))
    raise ValueError(f"no message: {value!r}")
