"""Each prompt of this repository passes its rehearsal's look at the request; without its item's fields it does not."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.input_hash import input_paths
from harness.core.types import BatchRef, Item, Json
from harness.core.work import Work
from harness.job.job import Job, PhaseSpec
from harness.job.load import load
from harness.planning.first_job import first_job
from harness.planning.later_phases import foresee
from harness.planning.proposal import survey
from harness.planning.selections import read_items
from harness.planning.silent_prompts import silent_prompts
from harness.prompts.render import render
from harness.rehearsal.brief import Briefing
from harness.rehearsal.question import question_of
from harness.rehearsal.request_history import RequestHistory
from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]
SILENT = "Write a good summary. Be careful.\n"
QUICKSTART = re.search(r"printf '(.*?)' > leads.csv", (ROOT / "README.md").read_text(encoding="utf-8"))
README_PHASES = """\
items: {file: leads.csv, id: .id}
session: {model: sonnet}
phases:
  profile: {session: {prompt: "Who is behind {{ item.company }}?"}, output: {fields: {summary: string, people: array}}}
  letter:
    from: profile
    session: {prompt: "Write to them: {{ item.records[0].summary }}"}
    output: {shape: files, file: "{id}.md"}
budget: $20
"""


def _folders(tmp_path: Path) -> Iterator[Path]:
    """The manifests: both jobs of this repository, what `init` writes for each kind of source, and the README's."""
    assert QUICKSTART is not None
    yield ROOT / "job.yaml"
    yield ROOT / "examples/course/course.yaml"
    shutil.copytree(ROOT / "examples/leads", tmp_path / "clients", ignore=shutil.ignore_patterns("clients", "output"))
    make = [sys.executable, "make_workbook.py", "--leads", "4", "--batch", "2"]
    subprocess.run(make, cwd=tmp_path / "clients", check=True, capture_output=True)
    yield tmp_path / "clients/job.yaml"
    yield ROOT / "examples/newsletter/newsletter.yaml"
    sources: dict[str, dict[str, str]] = {
        "leads": {"leads.csv": QUICKSTART[1].encode().decode("unicode_escape")},
        "files": {"in/a.txt": "a tale", "in/b.txt": "another"},
        "nothing": {},
    }
    for name, files in sources.items():
        folder = tmp_path / name
        for file, text in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
        folder.mkdir(exist_ok=True)
        for file, text in first_job(survey(folder).source).items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
        yield folder / "job.yaml"
    (tmp_path / "leads" / "phases.yaml").write_text(README_PHASES)
    yield tmp_path / "leads" / "phases.yaml"


def _groups(job: Job) -> Iterator[tuple[PhaseSpec, Sequence[Item], dict[str, Sequence[Json]]]]:
    """For each phase of Claude sessions a group of its items, with what it would see of the phases before."""
    items = read_items(job).items
    yield job.phases[0], items[: job.phases[0].batch_size], {}
    for ahead in foresee(job, items):
        yield ahead.phase, ahead.groups[0], dict(ahead.contexts[-1])


def _untold(
    job: Job, phase: PhaseSpec, items: Sequence[Item], context: dict[str, Sequence[Json]], log: Path
) -> str | None:
    """Why the rehearsal would stop at the request of this group; None when it would not."""
    work = Work(phase, BatchRef(phase.number, 1), tuple(items), (1, len(items)), context=context)
    rendered = render(work, job.vars, f"/mnt/work/{phase.output.file}")
    paths = input_paths(items)
    spec = {
        "attempt": 1, "phase": phase.name, "batch": "1", "vars": job.vars, "context": context,
        "items": [
            {"id": item.id, "data": dict(item.data), "file": paths.get(item.id), "records": list(item.records)}
            for item in items
        ],
        "output": {"file": phase.output.file, "shape": phase.output.shape, "key": ".id", "item": ".id", "schema": None},
    }  # fmt: skip
    body: dict[str, Any] = {
        "system": rendered.instructions, "messages": [{"role": "user", "content": rendered.prompt}]
    }  # fmt: skip
    changed = replace(job, phases=tuple(phase if each.number == phase.number else each for each in job.phases))
    return question_of(body, spec, "s", 0, RequestHistory(log), Briefing.of(changed)).untold


def _mutants(prompt: str) -> Iterator[str]:
    """No template at all; the same text without a print or a loop; with nothing but the ids."""
    yield SILENT
    yield re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", prompt)
    yield "{% for item in items %}- {{ item.id }}\n{% endfor %}"


@covers("F59")
def test_every_example_passes_and_each_of_its_mutants_fails_and_check_warns_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = 0
    for manifest in _folders(tmp_path):
        monkeypatch.chdir(manifest.parent)
        job = load(manifest, rehearsal=True)
        items = read_items(job).items
        assert list(silent_prompts(job, items)) == []
        for phase, group, context in _groups(job):
            assert _untold(job, phase, group, context, tmp_path / "log") is None, (manifest, phase.name)
            for mutant in _mutants(phase.session.prompt):
                changed = replace(phase, session=replace(phase.session, prompt=mutant))
                ids_say_enough = "item.id" in mutant and job.id_path(phase.number) not in (".id", None)
                if ids_say_enough and job.items.file is not None:
                    continue  # a school's name, say: a session can look it up
                untold = _untold(job, changed, group, context, tmp_path / "log")
                assert untold is not None and "only the id of" in untold, (manifest, phase.name, mutant)
                silent = replace(
                    job, phases=tuple(changed if one.number == phase.number else one for one in job.phases)
                )
                (warning,) = silent_prompts(silent, items)
                assert "names no field of the item but its id" in warning
                seen += 1
    assert seen >= 20, seen
