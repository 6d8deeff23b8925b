"""The catalogue of messages: every kind has words and an example, and the file that people read is what they make."""

import ast
from pathlib import Path
from typing import Any, get_args

import pytest

import harness
from harness.base.fact_format import Words
from harness.core import message_kinds
from harness.core.messages import Message
from harness.prompts import failure_words
from harness.views.fault_words import FAULT_WORDS
from harness.views.messages import text_of
from tests.messages.catalogue import COMMAND, PLACE, Section, sections, text
from tests.messages.keys import TABLES, TEXTS, print_keys

PACKAGE = Path(harness.__file__).parent
_OF_OTHERS = ("told", "said")
"""Sentences that somebody else has formed."""


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.title)
def test_every_kind_has_words_and_an_example_that_lacks_no_fact(section: Section) -> None:
    assert set(section.kinds) == set(section.kinds) & set(section.words), "a kind without words"
    for kind in section.kinds:
        lines = section.lines(kind)
        assert lines and all(line.strip() for line in lines), kind
        assert not any("?" in line.split() or "\n" in line for line in lines), f"{kind}: a fact is missing: {lines}"


@pytest.mark.parametrize("kind", message_kinds.EXAMPLES)
def test_a_message_of_which_facts_are_missing_still_has_its_sentence(kind: message_kinds.Kind) -> None:
    example = message_kinds.EXAMPLES[kind]
    for missing in (*example, *([tuple(example)] if len(example) > 1 else [])):
        facts = {name: value for name, value in example.items() if name not in (missing, *missing)}
        text = text_of(Message(kind, facts))
        assert text and (text != kind or kind == "finished") and not text.startswith(f"{kind} {{"), (missing, text)


@pytest.mark.parametrize("table", [FAULT_WORDS, failure_words.WORDS], ids=["people", "the model"])
def test_people_and_the_model_have_words_for_every_part_of_a_fault(table: Words) -> None:
    kinds = (message_kinds.SignKind, message_kinds.FindingKind, message_kinds.ExcessKind)
    assert set(table) == {"told", *(kind for each in kinds for kind in get_args(each))}


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


def test_no_message_is_given_a_fact_that_its_example_does_not_show() -> None:
    """The words are written from the examples: a fact of another name would never be shown."""
    names = {kind: set(example) for kind, example in message_kinds.EXAMPLES.items()}
    some = set().union(*names.values())
    wrong = [
        f"{file.relative_to(PACKAGE)}:{call.lineno}: {word.arg}"
        for file in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "message" and call.args
        for word in call.keywords
        if word.arg
        and word.arg not in (names[kind] if (kind := getattr(call.args[0], "value", None)) in names else some)
    ]
    assert wrong == []
