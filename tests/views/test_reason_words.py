"""Every kind of reason has words for people and words for the model, and both hold all that the reason knows."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from harness.base.reason import Reason
from harness.core.rejections import KINDS, type_of
from harness.prompts import retry_words
from harness.views import reason_words

PACKAGE = Path(reason_words.__file__).parents[1]
SAID_ELSEWHERE = {"is_found", "more", "shape", "item", "phase", "names", "key", "at", "record", "path", "program"}
"""Facts that choose a sentence, stand in the `field`, or that one of the two readers has no use for."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", [reason_words.text_of, retry_words.words_of])
def test_every_kind_is_worded_with_its_facts(kind: str, words: Any) -> None:
    reason = KINDS[kind].example
    text = words(reason)
    assert text and "?" not in text.replace("did you mean", "").replace("Did you mean", "")[:-1]
    for name, value in reason.facts.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value[0] if isinstance(value, list) else value)
        assert name in SAID_ELSEWHERE or shown in text or str(value) in text, (name, text)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_that_an_older_version_did_not_record_breaks_no_sentence_that_is_a_template(kind: str) -> None:
    for table in (reason_words, retry_words):
        if isinstance(table.WORDS[kind], str):
            assert table.text_of(Reason(kind)) if table is reason_words else retry_words.words_of(Reason(kind))


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
