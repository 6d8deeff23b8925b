"""What `fields`, checks and later phases do not name is dropped from records, kept or refused as the manifest says."""

import re
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.job.fingerprint import fingerprint
from harness.job.job import Job
from harness.job.load import load

HEAD = "items: {file: items.csv}\nsession: {backend: command, command: ['true'], prompt: Do it.}\n"


def _job(folder: Path, text: str) -> Job:
    (folder / "items.csv").write_text("id\n1\n")
    (folder / "checks.py").write_text("def check(items, records, context):\n    return records['1'][0].get('seen')\n")
    (folder / "spell.js").write_text('if (record.spelled !== record["as"]) process.exit(1)\n')
    (folder / "job.yaml").write_text(HEAD + text)
    return load(folder / "job.yaml")


def test_a_job_knows_what_fields_keys_and_checks_name(tmp_path: Path) -> None:
    output = (
        _job(
            tmp_path,
            "output:\n  key: .name\n  item: .of.item\n  fields: {note: string}\n  check:\n"
            "    - {jq: '.counted > 0 and .[\"a b\"]'}\n    - {python: 'checks.py:check'}\n"
            "    - {command: ['true', spell.js]}\n",
        )
        .phases[0]
        .output
    )
    assert output.known is not None
    assert {"name", "of", "note", "counted", "a b", "seen", "spelled", "as"} <= output.known
    assert "other" not in output.known


def test_a_phase_knows_what_later_ones_make_of_its_records_or_say_in_prompts(tmp_path: Path) -> None:
    job = _job(
        tmp_path,
        "phases:\n"
        "  one: {output: {fields: {note: string}}}\n"
        "  two:\n    from: one\n    items: {rows: '.legos[]', id: .lego}\n"
        "    session: {prompt: 'About {{ context.one[0].title }}. Not .this'}\n"
        "    output: {fields: {x: string}}\n",
    )
    first, second = (phase.output.known for phase in job.phases)
    assert first is not None and {"note", "legos", "title"} <= first and "this" not in first
    assert second == frozenset({"id", "x"})


@pytest.mark.parametrize("line", ["{}", "{schema: s.json}", "{fields: {note: string}, extra: keep}"])
def test_without_fields_or_with_keep_nothing_is_dropped(tmp_path: Path, line: str) -> None:
    (tmp_path / "s.json").write_text("{}")
    assert _job(tmp_path, f"output: {line}\n").phases[0].output.known is None


def test_refuse_is_in_the_schema_and_extra_shapes_the_job(tmp_path: Path) -> None:
    refusing = _job(tmp_path, "output: {fields: {note: string}, item: .of, extra: refuse}\n")
    schema = refusing.phases[0].output.schema
    assert schema is not None and schema["additionalProperties"] is False
    assert list(schema["properties"]) == ["id", "of", "note"]
    plain = _job(tmp_path, "output: {fields: {note: string}, item: .of}\n")
    assert "output.extra" in fingerprint(refusing) and "output.extra" not in fingerprint(plain)


def test_extra_without_fields_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"output.extra: has an effect only together with `fields`"):
        _job(tmp_path, "output: {extra: keep}\n")


@pytest.mark.parametrize(
    ("output", "place"),
    [
        ("{fields: {id: integer, note: string}}", "output.fields.id: wants integer at .id"),
        ("{key: .k, item: .lead, fields: {lead: array}}", "output.fields.lead: wants array at .lead"),
        ("{key: .a.id, fields: {a: number}}", "output.fields.a: wants number at .a"),
    ],
)
def test_a_field_that_cannot_be_the_id_of_an_item_is_refused(tmp_path: Path, output: str, place: str) -> None:
    with pytest.raises(UsageError, match=re.escape(place)):
        _job(tmp_path, f"output: {output}\n")
