"""Samples to rehearse with: every record that the job would refuse is told, with its place, all at once."""

import json
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.job.load import load
from harness.samples.records import SampleSpec, sampled

MANIFEST = """\
items: {file: items.jsonl}
session: {model: sonnet, prompt: "{{ item.id }}"}
output: {fields: {id: string, score: integer 1..5}, check: [{jq: .score != 3, says: never three}]}
budget: $5
rehearsal: {records: samples.json}
"""


def problems(tmp_path: Path, samples: str, manifest: str = MANIFEST, name: str = "samples.json") -> list[str]:
    (tmp_path / "items.jsonl").write_text('{"id": "a"}\n')
    (tmp_path / name).write_text(samples)
    (tmp_path / "job.yaml").write_text(manifest)
    with pytest.raises(UsageError) as raised:
        load(tmp_path / "job.yaml", rehearsal=True)
    return [str(problem).replace(f"{tmp_path}/", "") for problem in raised.value.problems]


def test_every_bad_sample_is_told_at_its_line(tmp_path: Path) -> None:
    rows = [
        '{"id": "a", "score": 4},',
        '{"id": "b", "score": 9},',
        '{"score": 1},',
        '{"id": "c", "score": 3}, {"id": "d"}',
    ]
    told = problems(tmp_path, "[\n" + "\n ".join(rows) + "\n]")
    places = ["samples.json:3:2", "samples.json:4:2", "samples.json:5:2", "samples.json:5:27"]
    assert [one.split(": ")[0] for one in told] == places
    assert "9 is greater than the maximum of 5" in told[0] and "has nothing at .id" in told[1]
    assert "a check refuses it: never three" in told[2] and "'score' is a required property" in told[3]


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        ('[{"id": "a"', "samples.json:1:12: is not valid JSON"),
        ('{"id": "a"}', "samples.json:1:1: expected a list of records"),
        ("[] []", "samples.json:1:4: is not valid JSON: Extra data"),
    ],
)
def test_a_file_that_is_no_list_of_records_is_told_as_such(tmp_path: Path, samples: str, says: str) -> None:
    (told,) = problems(tmp_path, samples)
    assert says in told


def test_with_several_phases_each_has_its_list_and_a_wrong_name_is_told(tmp_path: Path) -> None:
    phases = (
        "items: {file: items.jsonl}\nsession: {model: sonnet, prompt: '{{ item.id }}'}\nbudget: $5\nphases:\n"
        "  read: {output: {fields: {id: string, n: integer}}}\n  rate: {from: read, output: {fields: {id: string}}}\n"
        "rehearsal: {records: samples.json}\n"
    )
    told = problems(tmp_path, '{"read": [{"id": "a", "n": "x"}],\n "rat": [], "rate": 5}', phases)
    assert "samples.json:1:11: $.n: 'x' is not of type 'integer'" in told[0]
    assert "samples.json:2:2: unknown phase 'rat', did you mean 'rate'?" in told[1]
    assert "samples.json:2:21: expected a list of records" in told[2]
    assert (
        "expected an object with a list of records for each phase (read, rate)" in problems(tmp_path, "[]", phases)[0]
    )


def test_lines_of_records_are_taken_and_an_item_gets_its_own_or_one_with_its_id_put_in(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("samples.json", "samples.jsonl")
    (told,) = problems(tmp_path, '{"id": "a", "score": 1}\n\n{"id": "b", "score": 6}\n', manifest, "samples.jsonl")
    assert told.startswith("samples.jsonl:3:1: $.score")
    (tmp_path / "samples.jsonl").write_text('{"id": "a", "score": 1}\n{"id": "b", "score": 5}\n')
    job = load(tmp_path / "job.yaml", rehearsal=True)
    assert job.samples is not None
    records = sampled(SampleSpec("main"), ["a", "zz"], job.samples.by_phase["main"])
    assert isinstance(records, list)
    assert records[0] == {"id": "a", "score": 1}
    assert records[1]["id"] == "zz" and records[1]["score"] in (1, 5)
    assert json.loads(json.dumps(records)) == records


def test_a_scene_and_samples_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / "scene.py").write_text("def scene(ask):\n    return None\n")
    both = MANIFEST.replace("{records: samples.json}", "{records: samples.json, scene: scene.py}")
    (told,) = problems(tmp_path, '[{"id": "a", "score": 1}]', both)
    assert told.startswith("job.yaml:5:13: rehearsal.records: a scene is named as well")
