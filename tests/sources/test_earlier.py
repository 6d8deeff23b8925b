"""Earlier outputs: what their records are called, whatever their form; never those of the job itself."""

import json
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.job.load import load
from harness.planning.selections import selected
from harness.sources.earlier import earlier_files, earlier_names

MANIFEST = """\
items: {file: topics.json, select: {top: 2, not_in: 'output/**/*.*'}}
session: {backend: command, command: ['true'], prompt: look at it}
rehearsal: {session: {command: ['true']}}
output: {merge: output/w3/letters.json}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "topics.json").write_text(json.dumps([{"id": "a"}, {"id": "b"}]))
    (tmp_path / "job.yaml").write_text(MANIFEST)
    for name, text in {
        "w1/letters.json": '[{"id": "Old", "title": "The  First"}, {"title": "Second"}, 7]',
        "w1/by_id.json": '{"k1": {"title": "Keyed"}, "count": 3, "topics": [{"id": 12}]}',
        "w2/letters.jsonl": '{"id": "line"}\n',
        "w2/letters.csv": "id,title\nrow,Third\n",
        "w3/letters.json": '[{"id": "own"}]',
        ".old/letters.json": '[{"id": "hidden"}]',
    }.items():
        (tmp_path / "output" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "output" / name).write_text(text)
    (tmp_path / "elsewhere.json").write_text('[{"id": "linked"}]')
    (tmp_path / "output" / "w1" / "link.json").symlink_to(tmp_path / "elsewhere.json")
    return tmp_path


@pytest.mark.parametrize("rehearsal", [False, True])
def test_ids_and_titles_of_earlier_records_are_found_in_every_form(folder: Path, rehearsal: bool) -> None:
    job = load(folder / "job.yaml", rehearsal=rehearsal)
    assert job.items.select is not None
    names = earlier_names(job, job.items.select)
    known = {"old", "the first", "second", "k1", "keyed", "12", "line", "row", "third"}
    assert set(names) == known
    assert names["old"] == "output/w1/letters.json"
    assert len(earlier_files(job, job.items.select)) == 4


def test_one_that_cannot_be_read_is_named_with_its_line(folder: Path) -> None:
    (folder / "output" / "w2" / "letters.jsonl").write_text('{"id": "line"}\n{"id"\n')
    (folder / "output" / "w2" / "letters.csv").rename(folder / "output" / "w2" / "letters.txt")
    job = load(folder / "job.yaml")
    with pytest.raises(UsageError, match=r"w2/letters.jsonl:2:\d+: is not JSON"):
        selected(job, [])
    (folder / "output" / "w2" / "letters.jsonl").unlink()
    with pytest.raises(UsageError, match=r"w2/letters.txt: not_in: expected a .json, .jsonl or .csv file"):
        selected(job, [])
