"""Fills facts into the sentences of a catalogue: templates are ours, and no fact is ever one."""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any, Final

from harness.base.nouns import plural

Words = Mapping[str, str | Callable[[Mapping[str, Any]], str]]
"""Kind -> template, or a function of the facts. `{name}` is the fact as it is, `{name:q}` as JSON, `{name:n}` a number,
`{name:names}` a list of texts as JSON, `{name:more}` ` and 3 more` or nothing, `{name:plural}` a noun for several.
A fact that an older entry lacks is `?`."""


def filled(words: Words, kind: str, facts: Mapping[str, Any]) -> str:
    """The sentence of this kind; of one that this version does not know, the kind and its facts."""
    template = words.get(kind)
    if template is None:
        return f"{kind} {quoted(dict(facts))}" if facts else kind
    return template(facts) if callable(template) else _FORMATTER.vformat(template, (), facts)


def quoted(value: Any) -> str:
    """As JSON, so that a number, spaces and look-alikes of another Unicode form can be told apart."""
    is_composed = not isinstance(value, str) or unicodedata.is_normalized("NFC", value)
    return json.dumps(value, ensure_ascii=not is_composed)


class _Facts(Formatter):
    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key), _MISSING)

    def format_field(self, value: Any, format_spec: str) -> str:
        return "?" if value is _MISSING else _AS[format_spec](value)


_MISSING: Final = object()
_AS: Final[Mapping[str, Callable[[Any], str]]] = {
    "": str,
    "q": quoted,
    "n": "{:,}".format,
    "names": lambda names: ", ".join(map(quoted, names)),
    "more": lambda number: f" and {number:,} more" if number else "",
    "plural": plural,
}
_FORMATTER: Final = _Facts()
