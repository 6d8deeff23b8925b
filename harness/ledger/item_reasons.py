"""Why an item is not done, out of its row: `reasons` holds objects, or the texts that older versions recorded."""

import json
from collections.abc import Mapping
from typing import Any

from harness.base.reason import Reason
from harness.core.events import ItemBlocked, ItemFailed, ItemReturned, ItemStruck
from harness.core.rejections import ItemError, as_recorded


def reasons_of_row(reasons: str, errors: str = "[]") -> tuple[Reason, ...]:
    """Of the columns `reasons` and `errors`; the second belongs to texts, and is empty beside objects."""
    found = json.loads(reasons)
    texts = [text for text in found if isinstance(text, str)]
    if texts:
        return as_recorded((), texts, [ItemError(**error) for error in json.loads(errors)])
    return tuple(Reason(**reason) for reason in found)


def left_out(facts: Mapping[str, Any]) -> Reason:
    """Of the column `left_out`: `why` and its facts, as ItemSkipped has them."""
    return Reason(str(facts.get("why")), {name: value for name, value in facts.items() if name != "why"})


RejectionEvent = ItemBlocked | ItemFailed | ItemReturned | ItemStruck


def reasons_of_event(event: RejectionEvent) -> tuple[Reason, ...]:
    """As its entry has them, whatever version has written it."""
    texts = (event.reason,) if isinstance(event, ItemFailed | ItemBlocked) else event.reasons
    return as_recorded(event.rejections, texts, () if isinstance(event, ItemBlocked) else event.errors)
