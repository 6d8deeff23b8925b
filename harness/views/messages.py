"""The catalogue: the words of every kind of message, in one place, to be read in one sitting.

`{fact}` is the fact itself; `{fact:money}`, `{fact:number}`, `{fact:time}` and `{fact:percent}` as people read it,
`{fact:list}` its parts, `{fact:message}` a message within it, `{fact:n item}` a count with its noun. A fact that an
older entry lacks is shown as `?`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any, Final

from harness.base.clock import from_text
from harness.core.message_kinds import Kind
from harness.core.messages import Message, message_from
from harness.core.money import in_words as money
from harness.views.wording import counted

Facts = Mapping[str, Any]

WORDS: Final[Mapping[Kind, str | Callable[[Facts], str]]] = {
    "told": "{text}",
    "nothing_left": "nothing left to do",
    "usage_limit": "usage limit",
    "byte_order_mark": "{file}: byte order mark",
}


def text_of(message: Message) -> str:
    """The message as one line of plain English, not yet safe to print: facts may come from a session."""
    words = WORDS.get(message.kind)
    if words is None:  # of a newer version
        return f"{message.kind} {json.dumps(message.facts, ensure_ascii=False)}" if message.facts else message.kind
    return words(message.facts) if callable(words) else _FORMATTER.vformat(words, (), message.facts)


class _Facts(Formatter):
    """Fills in facts; templates are ours, and no fact is ever one."""

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key), "?")

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None or value == "?":
            return "?"
        if format_spec.startswith("n "):
            return counted(value, format_spec.removeprefix("n "))
        return _AS[format_spec](value)


def _time(value: str) -> str:
    return f"{from_text(value).astimezone():%A %Y-%m-%d %H:%M}"


_AS: Final[Mapping[str, Callable[[Any], str]]] = {
    "": str,
    "money": money,
    "number": "{:,}".format,
    "percent": "{:.0%}".format,
    "time": _time,
    "list": ", ".join,
    "message": lambda value: text_of(message_from(value)),
}
_FORMATTER: Final = _Facts()
