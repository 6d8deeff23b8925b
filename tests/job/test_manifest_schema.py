"""The JSON Schema for editors: valid, described, stable, and no stricter than the loader."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from harness.job.schema import manifest_schema
from harness.job.yaml_text import parse

ROOT = Path(__file__).parents[2]


def test_the_schema_is_one_and_always_the_same() -> None:
    Draft202012Validator.check_schema(manifest_schema())
    assert json.dumps(manifest_schema()) == json.dumps(manifest_schema())


def test_every_field_is_described() -> None:
    schema = manifest_schema()
    for part in [schema, *schema["$defs"].values()]:
        for name, field in part.get("properties", {}).items():
            referred = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
            assert field.get("description") or referred.get("description"), name


@pytest.mark.parametrize(
    "text",
    [
        "items: {file: a.csv}\nsession: {idle_after_output: 5, max_turns: none}\nbudget: $40\noutput: {}\n",
        "items: {files: '*.pdf'}\nbudget: none\ngrace: 1h 30m\nbudget_per_session: 0.5\noutput: {fields: {a: date}}\n",
        (ROOT / "job.yaml").read_text() if (ROOT / "job.yaml").exists() else "items: {}\n",
    ],
)
def test_what_the_loader_takes_the_schema_takes(text: str) -> None:
    root = parse(text, "job.yaml").root
    assert root is not None
    assert [error.message for error in Draft202012Validator(manifest_schema()).iter_errors(root.plain())] == []


def test_what_the_loader_refuses_the_schema_refuses() -> None:
    validator = Draft202012Validator(manifest_schema())
    for wrong in (
        {},
        {"items": {}, "modle": 1},
        {"items": {}, "strikes": 0},
        {"items": {}, "session": {"max_turns": 0}},
    ):
        assert not validator.is_valid(wrong)


def test_defaults_are_written_as_people_write_them() -> None:
    fields = manifest_schema()["$defs"]["Session"]["properties"]
    assert (fields["timeout"]["default"], fields["first_event"]["default"]) == ("20m", "1m 30s")
