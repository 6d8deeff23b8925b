"""A reason has its kind, its facts and the field that it is about; for programs one word and the message alone."""

import json
import shlex
import sys
from typing import Any

import pytest

from harness.core.types import OutputFault
from harness.prompts.retry_words import words_of
from harness.views.reason_words import as_error
from tests.covers import covers
from tests.outputs.conftest import Court, reasons_for, why

PERSON = {
    "required": ["id"],
    "properties": {"coaches": {"items": {"required": ["name", "role"], "properties": {"name": {"minLength": 2}}}}},
}


def _error(type_: str, message: str, field: str | None = None) -> dict[str, Any]:
    return {"type": type_, "field": field, "message": message}


def _errors(court: Court, records: Any, item: str = "A1") -> list[dict[str, Any]]:
    return [as_error(reason) for reason in reasons_for(court.judge(records), item)]


def test_a_schema_error_names_the_field_that_is_wrong_or_not_there(court: Court) -> None:
    court.check(schema=PERSON, says="as agreed")
    record = {"id": "A1", "coaches": [{"name": "x", "role": ""}, {}]}
    assert sorted(_errors(court, [record]), key=str) == [
        _error("schema", "as agreed: 'x' is too short", ".coaches[0].name"),
        _error("schema", "as agreed: 'name' is a required property", ".coaches[1].name"),
        _error("schema", "as agreed: 'role' is a required property", ".coaches[1].role"),
    ]
    told = [words_of(reason) for reason in reasons_for(court.judge([record]), "A1")]
    assert "as agreed: At `.coaches[0].name`: 'x' is too short" in told


@pytest.mark.parametrize(
    ("schema", "record", "field"),
    [
        ({"maxProperties": 1}, {"id": "A1", "x": 1}, "."),
        ({"properties": {"a b": {"type": "string"}}}, {"id": "A1", "a b": 1}, '.["a b"]'),
        ({"properties": {"x" * 500: {"type": "string"}}}, {"id": "A1", "x" * 500: 1}, "." + "x" * 198 + "…"),
    ],
)
def test_a_field_is_a_path_that_jq_reads_and_is_bounded(
    court: Court, schema: dict[str, Any], record: Any, field: str
) -> None:
    court.check(schema=schema)
    assert [error["field"] for error in _errors(court, [record])] == [field]


def test_a_python_check_may_say_type_and_field(court: Court) -> None:
    court.python(
        """def check(items, records, context):
    missing = {"type": "tiling_failure", "message": "Missing LEGO: 'parlare'", "field": ".[2]"}
    return {"A1": [missing, "too short", {"message": "odd"}], "A2": {"message": "late", "field": ".when"}}
"""
    )
    records = [{"id": "A1"}, {"id": "A2"}]
    assert [words_of(reason) for reason in reasons_for(court.judge(records), "A1")] == [
        "tiling_failure at .[2]: Missing LEGO: 'parlare'",
        "too short",
        "odd",
    ]
    assert _errors(court, records) == [
        _error("tiling_failure", "Missing LEGO: 'parlare'", ".[2]"),
        _error("check", "too short"),
        _error("check", "odd"),
    ]
    assert _errors(court, records, "A2") == [_error("check", "late", ".when")]


def test_a_program_may_say_type_and_field(court: Court) -> None:
    answer = json.dumps({"A1": {"type": "spelling", "message": "is wrong"}})
    court.check(command=("sh", "-c", f"echo {shlex.quote(answer)}; exit 1"), says="words")
    assert _errors(court, [{"id": "A1"}]) == [_error("spelling", "words: is wrong")]
    (reason,) = reasons_for(court.judge([{"id": "A1"}]), "A1")
    assert words_of(reason) == "words: spelling: is wrong"


@pytest.mark.parametrize(
    "odd",
    [{}, {"message": " "}, {"message": 1}, {"message": "x", "kind": "y"}, {"message": "x", "type": "two words"},
     {"message": "x", "type": "x" * 65}, {"message": "x", "field": None}, [{"type": "x"}]],
)  # fmt: skip
def test_an_object_that_is_no_reason_is_the_check_s_own_fault(court: Court, odd: Any) -> None:
    court.ids = ["A1"]
    court.python(f"def check(items, records, context):\n    return {{'A1': {odd!r}}}\n")
    suspected = court.judge([{"id": "A1"}]).raised_check
    assert suspected is not None and "with texts or {message, type, field}" in str(suspected.why[0].facts["error"])
    court.output = court.output.__class__("out.json", "array", ".id", ".id", (), None, None)
    said = f"import json, sys; print(json.dumps({{'A1': {odd!r}}})); sys.exit(1)"
    court.check(command=(sys.executable, "-c", said))
    suspected = court.judge([{"id": "A1"}]).raised_check
    assert suspected is not None and "with texts or {message, type, field}" in str(suspected.why[0].facts["error"])


@covers("A72")
def test_what_is_missing_or_cannot_be_read_has_a_kind(court: Court) -> None:
    assert [error["type"] for error in _errors(court, [{"id": "A2"}])] == ["missing_output"]
    court.write("out.json", "{")
    assert [error["type"] for error in _errors(court, None)] == ["unreadable_output"]
    (court.folder / "work" / "out.json").unlink()
    assert [error["type"] for error in _errors(court, None)] == ["missing_output"]
    link = why("file_not_regular", file="out.json", found="symbolic link")
    refused = court.judge_frozen([], [OutputFault("out.json", link)])
    assert [error["type"] for error in map(as_error, reasons_for(refused, "A1"))] == ["unreadable_output"]


def test_ids_and_jq_have_kinds_too(court: Court) -> None:
    twice = [{"id": "A1", "n": 1}, {"id": "A1", "n": 2}]
    assert [(error["type"], error["field"]) for error in _errors(court, twice)] == [("duplicate_id", ".id")]
    court.check(jq=".n > 3", says="more")
    assert _errors(court, twice[:1]) == [_error("jq", "more")]
