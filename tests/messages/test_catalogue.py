"""The catalogue of messages: every kind has words and an example, and the file that people read is what they make."""

from typing import Any

import pytest

from tests.messages.catalogue import COMMAND, PLACE, Section, sections, text
from tests.messages.keys import TABLES, TEXTS, print_keys

_OF_OTHERS = ("told", "said")
"""Sentences that somebody else has formed."""


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.title)
def test_every_kind_has_words_and_an_example_that_lacks_no_fact(section: Section) -> None:
    assert set(section.kinds) == set(section.kinds) & set(section.words), "a kind without words"
    for kind in section.kinds:
        lines = section.lines(kind)
        assert lines and all(line.strip() for line in lines), kind
        assert not any("?" in line.split() or "\n" in line for line in lines), f"{kind}: a fact is missing: {lines}"


def test_the_file_is_what_the_words_make_of_the_examples() -> None:
    assert PLACE.read_text(encoding="utf-8") == text(), f"the words have changed: read them, then run `{COMMAND}`"


def test_keys_stand_for_every_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    tables: list[dict[str, Any]] = [*TABLES, *TEXTS]
    before = [dict(table) for table in tables]
    with monkeypatch.context() as patch:
        print_keys(patch)
        for section in sections():
            if any(section.words is table for table in TABLES):
                kinds = (kind for kind in section.kinds if kind not in _OF_OTHERS)
                assert [line for kind in kinds for line in section.lines(kind) if kind not in line] == []
    assert [dict(table) for table in tables] == before
