"""Why an item is not done, as data: a kind, its facts, and the field of the record that it is about.

Nobody forms a sentence here: `prompts/retry_words.py` has the words for the model that tries again,
`views/reason_words.py` those for people, and `core/rejections.py` lists the kinds with their facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default
from typing import Any, Final, Self

MOST_FIELD_CHARACTERS: Final = 200

Facts = Mapping[str, Any]
"""Plain JSON by name: a path, an id, a count, a text from elsewhere; never a sentence of ours."""


@dataclass(frozen=True, slots=True)
class Reason:
    """`field` is a path in the record, `.coaches[0].name`; None = none in particular."""

    kind: str
    facts: Facts = default(default_factory=dict)
    field: str | None = None

    @classmethod
    def said(cls, text: str) -> Self:
        """A text that somebody else has formed: a person, or an older version. It is shown as it is."""
        return cls("said", {"text": text})

    @classmethod
    def of_check(cls, answer: str | Mapping[str, str]) -> Self:
        """One reason that a user's check gave, in one of the forms that `check_answers.reasons_in` lets pass."""
        if isinstance(answer, str):
            return cls("check", {"message": answer})
        facts = {name: answer[name] for name in ("type", "message") if name in answer}
        return cls("check", facts, cut_text(answer["field"], MOST_FIELD_CHARACTERS) if "field" in answer else None)

    def with_facts(self, **facts: Any) -> Self:
        """The same, these facts added."""
        return replace(self, facts={**self.facts, **facts})

    def cut(self, most: int) -> Self:
        """The same, each text in at most so many characters."""
        return replace(self, facts={name: _cut(value, most) for name, value in self.facts.items()})


def cut_text(text: str, most: int) -> str:
    """The beginning of a longer text, and that there is more."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _cut(value: Any, most: int) -> Any:
    match value:
        case str():
            return cut_text(value, most)
        case dict():
            return {name: _cut(each, most) for name, each in value.items()}
        case list():
            return [_cut(each, most) for each in value]
    return value
