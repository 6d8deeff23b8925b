"""What a user's check may answer for an item. The bounded child loads this file alone: it imports nothing of ours."""

import re
from typing import Any

_TYPE = re.compile(r"[\w.-]{1,64}", re.ASCII)
OBJECT = "{message, type, field}"
"""How messages call a reason that is an object."""


def reasons_in(answer: Any) -> list[Any] | None:
    """The answer as a list of texts and objects `{message, type, field}`, of which only `message` must be there; None
    when it is neither a reason nor a list of them."""
    listed = [answer] if isinstance(answer, str | dict) else answer
    is_good = isinstance(listed, list | tuple) and all(isinstance(one, str) or _is_object(one) for one in listed)
    return list(listed) if is_good else None


def _is_object(one: Any) -> bool:
    if not isinstance(one, dict) or not one.keys() <= {"message", "type", "field"}:
        return False
    message, kind, field = one.get("message"), one.get("type", "check"), one.get("field", ".")
    texts = all(isinstance(value, str) and value.strip() for value in (message, kind, field))
    return texts and bool(_TYPE.fullmatch(kind))
