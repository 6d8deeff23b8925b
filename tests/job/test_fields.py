"""`fields`: the short form of a schema, what it stands for, and where it is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.base.errors import UsageError
from harness.evaluation.bounded import Bounded
from harness.job.fields import parse_field, schema_of_fields
from harness.job.load import load
from harness.job.schema import manifest_schema

HEAD = "items: {file: a.csv}\nsession: {model: sonnet, prompt: count them}\nbudget: 1\n"
WELL = (
    "string?",
    "integer 1..5?",
    "(good | bad)?",
    "what? | bad?",
    "string",
    "integer 1..5",
    "integer -3..",
    "number ..0.5",
    "number 0.001..0.002",
    "good | so so | bad",
    "date",
)
WRONG = {
    "integr 1..5": "did you mean 'integer'",
    "strng?": "did you mean 'string'",
    "string??": "expected string, number",
    "integer 5..1": "goes downwards",
    "integer 1.5..2": "expected whole numbers for an integer, got 1.5",
    "number ..": "expected a number beside the dots",
    "string 1..5": "expected string, number",
    "good |": "different words with | between them",
    "good | good": "different words with | between them",
    "string | number": "'string' is a type and no choice",
    "1 | 2": "a choice is a text, got 1",
    "[good, bad]": "choices such as good | bad, got [",
}


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("integer 1..5", (1, 5), (0, 6, 2.5, "3", None)),
        ("number 0..", (0, 0.5, 10**9), (-0.1,)),
        ("positive | very negative", ("positive", "very negative"), ("Positive", "", None)),
    ],
)
def test_a_range_and_choices_hold_what_they_say(text: str, good: tuple[Any, ...], bad: tuple[Any, ...]) -> None:
    validator = Draft202012Validator(parse_field(text))
    assert all(map(validator.is_valid, good))
    assert not any(map(validator.is_valid, bad))


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("string?", ("a", ""), (1, [])),
        ("integer?", (1,), ("1", 1.5)),
        ("integer 1..5 ?", (1, 5), (0, "")),
        ("number ..0.5?", (0.5,), (1,)),
        ("boolean?", (True,), ("true",)),
        ("date?", ("2026-11-30",), ("2026-02-31", "")),
        ("array?", ([], [1]), ({},)),
        ("object?", ({}, {"a": 1}), ([],)),
        ("(good | bad)?", ("good",), ("", "better")),
    ],
)
def test_an_optional_field_may_be_missing_or_null_and_is_held_to_its_type_else(
    text: str, good: tuple[Any, ...], bad: tuple[Any, ...], bounded: Bounded
) -> None:
    schema = schema_of_fields({"id": "string", "x": text})
    well = [{"id": "a"}, {"id": "a", "x": None}, *({"id": "a", "x": value} for value in good)]
    badly = [{"id": "a", "x": value} for value in bad]
    assert [bool(found) for found in bounded.schema(schema, [*well, *badly])] == [False] * len(well) + [True] * len(
        badly
    )


def test_a_question_mark_behind_a_choice_belongs_to_it() -> None:
    assert parse_field("yes | no | what?") == {"type": "string", "enum": ["yes", "no", "what?"]}


@pytest.mark.parametrize(("text", "said"), WRONG.items())
def test_what_says_nothing_is_refused_at_its_place(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    manifest = tmp_path / "job.yaml"
    manifest.write_text(f"{HEAD}output:\n  fields:\n    mood: {text}\n")
    with pytest.raises(UsageError) as caught:
        load(manifest)
    [problem] = caught.value.problems
    assert problem.where.endswith("job.yaml:6:11")
    assert problem.message.startswith("output.fields.mood: ") and said in problem.message


def test_an_editor_takes_every_form() -> None:
    editor = Draft202012Validator(manifest_schema())
    for text in WELL:
        assert editor.is_valid({"items": {"file": "a.csv"}, "output": {"fields": {"a": text}}}), text
    assert not editor.is_valid({"items": {"file": "a.csv"}, "output": {"fields": {"a": "integr"}}})


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        (
            "date",
            ["2028-02-29"],
            ["2025-02-29", "0000-01-01", "2026-11-20\n", "２０２６-11-20", "2026-W01-1"],
        ),
        ("date 2026-02-01..2026-02-28", ["2026-02-01", "2026-02-28"], ["2026-01-31", "2026-03-01", "2026-02-30", 5]),
        ("date 2026-02-01..", ["9999-12-31"], ["2026-01-31"]),
        ("date ..2026-02-01", ["0001-01-01", "2026-02-01"], ["2026-02-02"]),
        ("integer", [1, -(10**30)], [1.0, True, "1", 1.5]),
        ("integer 1..5", [1, 5], [1.0, 6]),
        ("string", ["a", " a\n"], ["", " \n", "\ufeff", 1]),
        ("number 0..", [0, 1.0], ["1", -1]),
        ("good | bad", ["good"], ["good\n", "Good"]),
    ],
)
def test_every_short_type_takes_what_it_says_and_nothing_else(
    bounded: Bounded, text: str, good: list[Any], bad: list[Any]
) -> None:
    records = [{"x": value} for value in (*good, *bad)]
    complaints = bounded.schema(schema_of_fields({"x": text}), records)
    assert [not found for found in complaints] == [True] * len(good) + [False] * len(bad)


@pytest.fixture(scope="module")
def bounded() -> Iterator[Bounded]:
    bounded = Bounded()
    yield bounded
    bounded.close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("date 2026-02-30..", "the day 2026-02-30 does not exist"),
        ("date ..", "expected a day beside the dots"),
        ("date 2026-03-01..2026-02-01", "goes backwards"),
        ("date 1..2", "expected string, number"),
    ],
)
def test_a_range_of_dates_that_can_never_be_met_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_field(text)
