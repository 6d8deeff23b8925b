"""Records made up for a rehearsal without a scene."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.job.fields import schema_of_fields
from harness.rehearsal.invent import InventionError, made_up_records

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
def test_a_made_up_record_is_valid_and_carries_its_id(schema: dict[str, Any], asking: Any) -> None:
    records = made_up_records(asking("A1", "A2", "A3", schema=schema).ask)
    assert [record["id"] for record in records] == ["A1", "A2", "A3"]
    for record in records:
        Draft202012Validator(schema).validate(record)


def test_a_made_up_text_says_that_it_is_one(asking: Any) -> None:
    schema = {
        "properties": {"id": {"type": "string"}, "vendor": {"type": "string"}, "notes": {"items": {"type": "string"}}}
    }
    (record,) = made_up_records(asking("A1", schema=schema).ask)
    assert record["vendor"].startswith("rehearsal ")
    assert record["notes"][0].startswith("rehearsal ")


def test_the_record_of_an_item_is_the_same_in_every_group(asking: Any) -> None:
    together = made_up_records(asking("A1", "A2", "A3").ask)
    alone = made_up_records(asking("A2").ask)
    assert json.dumps(together[1]) == json.dumps(alone[0])
    assert together[0] != together[1]


def test_ids_go_to_the_key_and_the_item_path(asking: Any) -> None:
    (record,) = made_up_records(asking("7", schema=None, key=".meta.name", item=".of.item").ask)
    assert record["meta"]["name"] == record["of"]["item"] == "7"
    number = {"properties": {"id": {"type": "integer"}}}
    assert made_up_records(asking("7", schema=number).ask)[0]["id"] == 7


def test_files_without_a_schema_are_texts(asking: Any) -> None:
    records = made_up_records(asking("A1", shape="files", file="{id}.md", schema=None).ask)
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
def test_a_schema_beyond_making_up_is_said_and_not_guessed(schema: dict[str, Any], words: str, asking: Any) -> None:
    with pytest.raises(InventionError, match=re.escape(words)):
        made_up_records(asking("A1", schema=schema).ask)
