"""A check that no record of an item could pass is found before any session is started."""

from typing import Any

import pytest

from harness.base.ids import ItemId
from harness.evaluation.bounded import Bounded
from harness.job.job import CheckSpec, OutputSpec
from harness.outputs.possible import impossible

IDS = [ItemId("1"), ItemId("x"), ItemId("long enough")]


def _refused(bounded: Bounded, item: str = ".id", schema: Any = None, **check: Any) -> list[str]:
    checks = tuple(CheckSpec(kind, None, **{kind: value}) for kind, value in check.items())  # type: ignore[arg-type]
    output = OutputSpec("out.json", "array", ".key", item, checks, schema, None)
    return [id_ for _, id_, _ in impossible(output, IDS, {}, bounded)]


@pytest.mark.parametrize(
    ("about", "refused"),
    [
        ({"type": "string"}, []),
        ({"type": "integer"}, ["1", "x", "long enough"]),
        ({"enum": ["1", "x"]}, ["long enough"]),
        ({"pattern": "^[a-z ]+$"}, ["1"]),
        ({"minLength": 5}, ["1", "x"]),
        ({"$ref": "#/$defs/id"}, ["1", "x"]),
        ({"if": {"const": "x"}, "then": False}, []),
    ],
)
def test_a_schema_that_refuses_an_id_is_found(bounded: Bounded, about: Any, refused: list[str]) -> None:
    schema = {"$defs": {"id": {"minLength": 5}}, "properties": {"id": about}, "required": ["id", "note"]}
    assert _refused(bounded, schema=schema) == refused
    assert _refused(bounded, ".of.id", {**schema, "properties": {"of": {"required": ["more"], **schema}}}) == refused


def test_a_schema_that_does_not_name_the_id_refuses_none(bounded: Bounded) -> None:
    assert _refused(bounded, schema={"properties": {"note": {"type": "string"}}}) == []


@pytest.mark.parametrize(
    ("program", "refused"),
    [
        ('.id | test("^[0-9]+$")', ["x", "long enough"]),
        ('.id != "x"', ["x"]),
        ('(.id | type) == "number"', ["1", "x", "long enough"]),
        (".id|tonumber > 0", ["x", "long enough"]),
        ('.id == "x" or .note == 1', []),
        ('.id == "x" // true', []),
        (".note | length > 3", []),
    ],
)
def test_a_jq_check_about_the_id_alone_that_refuses_it_is_found(
    bounded: Bounded, program: str, refused: list[str]
) -> None:
    assert _refused(bounded, jq=program) == refused
