"""Synthetic records for a rehearsal without a scene."""

import json
import re
from datetime import date
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.evaluation.bounded import Bounded
from harness.job.fields import schema_of_fields
from harness.samples.records import SampleError, SampleSpec, Schema, synthetic

RECORD_SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "day": {"type": "string", "format": "date"}, "n": {"type": "integer"}},
    "required": ["id", "day", "n"],
}


def records_of(*ids: str, schema: Schema | None = RECORD_SCHEMA, **output: Any) -> list[Any]:
    return synthetic(SampleSpec("main", schema=schema, **output), ids)


SCHEMAS: list[dict[str, Any]] = [
    {
        "type": "object",
        "required": ["id", "vendor", "date", "total", "kind", "lines", "code"],
        "properties": {
            "id": {"type": "string"},
            "vendor": {"type": "string", "minLength": 40},
            "date": {"type": "string", "format": "date"},
            "total": {"type": "number", "exclusiveMinimum": 0, "maximum": 10},
            "kind": {"enum": ["a", "b"]},
            "version": {"const": 3},
            "code": {"type": "string", "pattern": "^[A-Z]{2}-\\d{3,5}(x|yz)?$"},
            "lines": {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"$ref": "#/$defs/line"}},
        },
        "$defs": {
            "line": {
                "type": "object",
                "required": ["n"],
                "properties": {
                    "n": {"type": "integer", "minimum": 5, "multipleOf": 5},
                    "text": {"type": ["string", "null"]},
                },
            }
        },
    },
    {"allOf": [{"required": ["id"]}, {"properties": {"id": {"type": "string"}, "ok": {"type": "boolean"}}}]},
    {
        "type": "object",
        "properties": {"id": {}, "x": {"anyOf": [{"type": "null"}, {"type": "string"}]}},
        "minProperties": 4,
    },
    {"type": "object", "properties": {"id": {"type": "string"}, "short": {"type": "string", "maxLength": 4}}},
    {"type": "object", "properties": {"id": {"type": "string"}, "tree": {"$ref": "#"}}, "required": ["id"]},
    schema_of_fields(
        {"a": "integer 1..5", "b": "integer -3..", "c": "number ..0.5", "d": "number 0.001..0.002", "e": "yes | so so"}
    ),
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_a_synthetic_record_is_valid_and_carries_its_id(schema: dict[str, Any]) -> None:
    records = records_of("A1", "A2", "A3", schema=schema)
    assert [record["id"] for record in records] == ["A1", "A2", "A3"]
    for record in records:
        Draft202012Validator(schema).validate(record)


def test_a_synthetic_text_says_that_it_is_one() -> None:
    schema = {
        "properties": {"id": {"type": "string"}, "vendor": {"type": "string"}, "notes": {"items": {"type": "string"}}}
    }
    (record,) = records_of("A1", schema=schema)
    assert record["vendor"].startswith("rehearsal ")
    assert record["notes"][0].startswith("rehearsal ")


def test_the_record_of_an_item_is_the_same_in_every_group() -> None:
    together = records_of("A1", "A2", "A3")
    alone = records_of("A2")
    assert json.dumps(together[1]) == json.dumps(alone[0])
    assert together[0] != together[1]


def test_ids_go_to_the_key_and_the_item_path() -> None:
    (record,) = records_of("7", schema=None, key=".meta.name", item=".of.item")
    assert record["meta"]["name"] == record["of"]["item"] == "7"
    number = {"properties": {"id": {"type": "integer"}}}
    assert records_of("7", schema=number)[0]["id"] == 7


def test_files_without_a_schema_are_texts() -> None:
    records = records_of("A1", shape="files", schema=None)
    assert records[0].startswith("rehearsal of A1\n")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"properties": {"id": {"type": "string"}, "x": {"type": "string", "pattern": "(?=a)b\\1"}}}, "pattern"),
        ({"properties": {"id": {"type": "string"}, "x": {"not": {}}}, "required": ["x"]}, "$.x"),
        ({"properties": {"id": {"type": "string", "pattern": "^B"}}}, "$.id"),
        ({"$ref": "other.json"}, "other.json"),
        ({"type": "array", "items": {"type": "string"}}, "no place"),
    ],
)
def test_a_schema_beyond_generating_is_reported_and_not_guessed(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(SampleError, match=re.escape(words)):
        records_of("A1", schema=schema)


def test_days_are_within_two_years_of_today_or_within_the_bounds_of_their_field() -> None:
    ranges = {
        "any": "date", "year": "date 2026-01-01..2026-12-31", "day": "date 2031-02-03..2031-02-03",
        "since": "date 2040-01-01..", "until": "date ..1999-12-31",
    }  # fmt: skip
    schema = schema_of_fields(ranges)
    for name, pattern in PATTERNS_OF_DAYS.items():
        schema["properties"][name] = {"type": "string", "pattern": pattern}
        schema["required"].append(name)
    bounded = Bounded()
    try:
        for seed in range(40):
            (record,) = records_of(f"A{seed}", schema=schema)
            assert bounded.schema(schema, [record]) == [[]]
            for name in ("any", *PATTERNS_OF_DAYS):
                assert abs(int(re.findall("[0-9]{4}", record[name])[0]) - date.today().year) <= 1
    finally:
        bounded.close()


PATTERNS_OF_DAYS = {
    "iso": r"^[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{2}$",
    "german": r"^\d{2}\.\d{2}\.\d{4}$",
    "moment": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 9007199254740993, "maximum": 9007199254740993},
        {"type": "integer", "minimum": 3, "exclusiveMinimum": 6, "maximum": 7},
        {"type": "number", "minimum": 0.001, "exclusiveMaximum": 0.002},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 0.004},
        {"type": "integer", "multipleOf": 0.5, "minimum": 7.2, "maximum": 8.9},
        {"type": "number", "maximum": -1e6},
        {"type": "integer", "exclusiveMaximum": -5, "minimum": -6},
    ],
)
def test_numbers_are_within_their_bounds_exactly(schema: dict[str, Any]) -> None:
    whole = {"type": "object", "properties": {"n": schema}, "required": ["n"]}
    for seed in range(20):
        records_of(f"A{seed}", schema=whole)  # it validates what it makes


def test_a_pattern_that_python_reads_otherwise_is_followed_as_json_schema_reads_it() -> None:
    about = {"type": "string", "pattern": r"^[^]{3}\d$"}
    schema = {"type": "object", "required": ["a"], "properties": {"a": about}}
    (record,) = records_of("A1", schema=schema)
    assert re.search(r"^[\s\S]{3}[0-9]\Z", record["a"])
