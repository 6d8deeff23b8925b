"""Every kind of reason has words for people and words for the model, and both hold all that the reason knows."""

import ast
import json
from pathlib import Path

import pytest

from harness.base.reason import Reason
from harness.core.rejections import KINDS, type_of
from harness.prompts import retry_words
from harness.views import reason_words

PACKAGE = Path(reason_words.__file__).parents[1]
READERS = {"people": reason_words.text_of, "the model": retry_words.words_of}
NOT_SHOWN = {
    ("people", "session_fault", "why"): "it is messages, each with words of its own",
    ("the model", "session_fault", "why"): "it is messages, each with words of its own",
    ("people", "plan_flaw", "flaw"): "it chooses the sentence",
    ("the model", "plan_flaw", "flaw"): "it chooses the sentence",
    ("people", "source_not_fetched", "is_found"): "it chooses the sentence",
    ("the model", "source_not_fetched", "is_found"): "it chooses the sentence",
    ("people", "schema", "at"): "the same place as `field`, in the notation of JSON Schema",
    ("the model", "schema", "at"): "the same place as `field`, in the notation of JSON Schema",
    (
        "people",
        "wrong_shape",
        "key",
    ): "how to build an object; people read which shape came and was expected",
    ("the model", "wrong_shape", "key"): "said where an object is expected; the example expects an array",
    ("the model", "rows_too_many", "phase"): "a session knows nothing of later phases",
    ("the model", "row_made_twice", "phase"): "a session knows nothing of later phases",
    ("the model", "row_made_twice", "item"): "the item under which the model reads it",
}
"""Reader, kind and fact -> why this fact is not in that sentence."""


def test_every_sentence_shows_every_fact_but_those_listed_with_a_reason() -> None:
    hidden = set()
    for reader, words in READERS.items():
        for kind, known in KINDS.items():
            text = words(known.example)
            assert text and "?" not in text.replace("did you mean", "").replace("Did you mean", "")[:-1]
            for name, value in known.example.facts.items():
                first = value[0] if isinstance(value, list) else value
                shown = f"{value:,}" if isinstance(value, int) else str(first)
                if shown not in text and str(value) not in text:
                    hidden.add((reader, kind, name))
    assert hidden == set(NOT_SHOWN)


@pytest.mark.parametrize("reader", READERS)
def test_a_reason_of_which_facts_are_missing_still_has_its_sentence(reader: str) -> None:
    words = READERS[reader]
    for kind, known in KINDS.items():
        assert not words(Reason(kind)).startswith(f"{kind} {{"), kind
        for name in known.example.facts:
            facts = {other: value for other, value in known.example.facts.items() if other != name}
            text = words(Reason(kind, facts, known.example.field))
            assert text and not text.startswith(f"{kind} {{"), (kind, name, text)


def test_facts_of_another_form_are_shown_as_they_are() -> None:
    assert reason_words.text_of(Reason("file_too_large", {"bytes": "many"})) == 'file_too_large {"bytes": "many"}'


def test_the_tables_have_exactly_the_kinds_that_are_registered() -> None:
    assert reason_words.WORDS.keys() == retry_words.WORDS.keys() == KINDS.keys()


def test_every_reason_that_the_program_forms_is_registered_with_its_facts() -> None:
    formed = 0
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason":
                kind = node.args[0] if node.args else None
                if isinstance(kind, ast.Constant):
                    formed += 1
                    assert kind.value in KINDS, f"{path.name}: {kind.value!r}"
                    if len(node.args) > 1 and isinstance(node.args[1], ast.Dict) and None not in node.args[1].keys:
                        names = {key.value for key in node.args[1].keys if isinstance(key, ast.Constant)}
                        example = KINDS[str(kind.value)].example.facts.keys()
                        assert names <= set(example), f"{path.name}: {kind.value!r} has {names - set(example)}"
    assert formed > 20


def test_a_kind_of_a_newer_version_is_shown_with_its_facts() -> None:
    reason = Reason("too_loud", {"decibel": 90})
    assert reason_words.text_of(reason) == retry_words.words_of(reason) == 'too_loud {"decibel": 90}'
    assert type_of(reason) == "too_loud"


def test_what_a_session_wrote_is_never_a_template() -> None:
    text = "{file} {0.__class__} %s"
    for words in (reason_words.text_of, retry_words.words_of):
        assert text in words(Reason("not_json", {"file": text, "problem": text}))


def test_a_reason_reads_back_from_json_as_it_was() -> None:
    for kind in KINDS.values():
        one = kind.example
        assert Reason(**json.loads(json.dumps({"kind": one.kind, "facts": one.facts, "field": one.field}))) == one
