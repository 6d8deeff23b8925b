"""Every kind of message, with facts as an example: what the ledger may hold, and what `views/messages.py` words.

A kind is never renamed and never means something else; old ledgers hold it. A fact may be added: a message of an
older version lacks it.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

StopKind = Literal["nothing_left",]
"""Why a run ended."""

HoldKind = Literal["usage_limit"]
"""What keeps every start back until a time."""

NoteKind = Literal["byte_order_mark"]
"""Oddities of an attempt that did no harm."""

Kind = Literal["told"] | StopKind | HoldKind | NoteKind

EXAMPLES: Final[Mapping[Kind, Mapping[str, Any]]] = {
    "told": {"text": "stopped by the deadline at 06:00"},
    "nothing_left": {},
    "usage_limit": {},
    "byte_order_mark": {"file": "output.json"},
}
