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

Formats = Callable[[Any, str], str]
"""A fact, and a format that is not one of the above -> text."""


def filled(words: Words, kind: str, facts: Mapping[str, Any], formats: Formats | None = None) -> str:
    """The sentence of this kind. Never raises: for a kind that this version does not know, and for facts of another
    form than its own, it is the kind with its facts."""
    template = words.get(kind)
    if template is not None:
        try:
            return template(_FactFormatter(facts)) if callable(template) else _filled(template, facts, formats)
        except (LookupError, TypeError, ValueError, AttributeError):
            pass  # of another version: what it says is shown all the same
    return f"{kind} {quoted(dict(facts))}" if facts else kind


def quoted(value: Any) -> str:
    """As JSON, so that a number, spaces and look-alikes of another Unicode form can be told apart."""
    is_composed = not isinstance(value, str) or unicodedata.is_normalized("NFC", value)
    return json.dumps(value, ensure_ascii=not is_composed)


def more(number: int) -> str:
    """` and 3 more`, or nothing."""
    return f" and {number:,} more" if number else ""


def _filled(template: str, facts: Mapping[str, Any], formats: Formats | None) -> str:
    return _Filling(formats).vformat(template, (), _FactFormatter(facts))


class _FactFormatter(dict[str, Any]):
    """What an older entry lacks is `?`."""

    def __missing__(self, name: str) -> str:
        return _MISSING


class _Filling(Formatter):
    def __init__(self, formats: Formats | None) -> None:
        self._formats = formats

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return kwargs[str(key)]

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None or value == _MISSING:
            return _MISSING
        if format_spec in _AS or self._formats is None:
            return _AS[format_spec](value)
        return self._formats(value, format_spec)


_MISSING: Final = "?"
_AS: Final[Mapping[str, Callable[[Any], str]]] = {
    "": str,
    "q": quoted,
    "n": "{:,}".format,
    "names": lambda names: ", ".join(map(quoted, names)),
    "more": more,
    "plural": plural,
}
