"""Why an item is not done: a text for the model that tries again, and in it what a program wants to know.

The bounded child loads this file alone: it imports nothing of ours.
"""

import re
from collections.abc import Mapping
from typing import Any, Self

_KIND = re.compile(r"[\w.-]{1,64}", re.ASCII)
_MOST_FIELD_CHARACTERS = 200
OBJECT = "{message, type, field}"
"""How messages call a reason that is an object."""


class Reason(str):
    """The text; its kind, one word; the field that it is about, `.coaches[0].name`, None = none in particular; and the
    message, which is the text without these."""

    __slots__ = ("field", "kind", "message")

    def __new__(
        cls, text: str, kind: str = "rejected", *, field: str | None = None, message: str | None = None
    ) -> Self:
        made = super().__new__(cls, text)
        made.kind = kind
        made.field = field and _cut(field, _MOST_FIELD_CHARACTERS)
        made.message = text if message is None else message
        return made

    kind: str
    field: str | None
    message: str

    @classmethod
    def answered(cls, said: str | Mapping[str, str]) -> Self:
        """Of one reason that a user's check gave, in one of the forms that `reasons_in` lets pass."""
        if isinstance(said, str):
            return cls(said, "check")
        kind, field, message = said.get("type"), said.get("field"), said["message"]
        head = f"{kind} at {field}" if kind and field else kind or field
        text = f"{head}: {message}" if head else message
        return cls(text, kind or "check", field=field, message=message)

    def behind(self, head: str) -> Self:
        """The same, `head` said first."""
        return type(self)(f"{head}: {self}", self.kind, field=self.field, message=f"{head}: {self.message}")

    def cut(self, most: int) -> Self:
        """The same in at most so many characters."""
        return type(self)(_cut(self, most), self.kind, field=self.field, message=_cut(self.message, most))


def as_reason(text: str) -> Reason:
    """As it is, or of no kind in particular."""
    return text if isinstance(text, Reason) else Reason(text)


def reasons_in(answer: Any) -> list[Any] | None:
    """What a user's check answered for one item, as a list of texts and objects `{message, type, field}`, of which only
    `message` must be there; None when it is neither a reason nor a list of them."""
    listed = [answer] if isinstance(answer, str | dict) else answer
    is_good = isinstance(listed, list | tuple) and all(isinstance(one, str) or _is_object(one) for one in listed)
    return list(listed) if is_good else None


def _is_object(one: Any) -> bool:
    if not isinstance(one, dict) or not one.keys() <= {"message", "type", "field"}:
        return False
    message, kind, field = one.get("message"), one.get("type", "check"), one.get("field", ".")
    texts = all(isinstance(value, str) and value.strip() for value in (message, kind, field))
    return texts and bool(_KIND.fullmatch(kind))


def _cut(text: str, most: int) -> str:
    return str(text) if len(text) <= most else text[: most - 1] + "…"
