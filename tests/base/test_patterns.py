"""Patterns of JSON Schema are those of ECMA-262, not those of Python."""

import re

import pytest

from harness.evaluation.bounded_schema import as_python, translated


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"^\d+$", ["12"], ["12\n", "１２"]),
        (r"\S", ["a"], ["\ufeff", " \u00a0"]),
        (r"^[^]$", ["\n", "a"], [""]),
        (r"^(?<x>a)\k<x>$", ["aa"], ["ab"]),
        (r"^[\w$.-]+$", ["a_$.-"], ["ä"]),
        (r"^[^\s]$", ["a", "\x1c"], ["\u00a0"]),
        (r"^[\W\D]$", ["ä", "a"], ["1"]),
        (r"^a.b$", ["a b", "a\x85b"], ["a\rb", "a\u2028b"]),
        (r"^a\/b$", ["a/b"], ["a/b\n"]),
        (r"\bfoo\b", ["foo", "äfoo"], ["xfoo"]),
        (r"^\u{1F600}\u00e4$", ["\U0001f600ä"], []),
        (r"^[[a\]]$", ["[", "]"], ["b"]),
        (r"[]", [], ["", "a"]),
        (r"^\[]$", ["[]"], [""]),
        (r"^\cJ\$\.$", ["\n$."], ["\n$x"]),
        (r"^(?P<y>a)\Z", ["a"], ["a\n"]),
    ],
)
def test_a_pattern_means_what_json_schema_says(pattern: str, yes: list[str], no: list[str]) -> None:
    found = [text for text in (*yes, *no) if re.search(as_python(pattern), text)]
    assert found == yes


def test_every_pattern_of_a_schema_is_translated_and_nothing_that_only_looks_like_one() -> None:
    schema = {
        "properties": {"pattern": {"pattern": "a$"}},
        "patternProperties": {"b$": {"anyOf": [{"pattern": "c$"}]}},
        "enum": [{"pattern": "d$"}],
    }
    assert translated(schema, {}) == {
        "properties": {"pattern": {"pattern": r"a\Z"}},
        "patternProperties": {r"b\Z": {"anyOf": [{"pattern": r"c\Z"}]}},
        "enum": [{"pattern": "d$"}],
    }
