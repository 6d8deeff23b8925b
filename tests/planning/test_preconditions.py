"""Every problem that keeps a job from starting is found at once, in one order, whoever asks."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.base.errors import Problem, UsageError
from harness.evaluation.bounded import Bounded
from harness.job.job import Job
from harness.job.load import load
from harness.planning.choice import Choice
from harness.planning.preconditions import Again, Look, check, check_before, loaded, reading
from harness.planning.selections import read_items

NOW = datetime(2026, 12, 1, tzinfo=UTC)
MANIFEST = """\
items: {file: items.csv}
session: {model: sonnet, prompt: "Look at {{ item.name }}{{ item.nmae }}."}
output: {fields: {id: string}, merge: out.json}
budget: $0.01
deadline: 2026-01-01
"""


@pytest.fixture
def bounded() -> Iterator[Bounded]:
    with closing(Bounded()) as bounded:
        yield bounded


def _job(folder: Path, manifest: str = MANIFEST) -> Job:
    (folder / "items.csv").write_text("id,name\n1,a\n2,b\n")
    (folder / "job.yaml").write_text(manifest)
    return load(folder / "job.yaml")


def _kinds(problems: list[Problem]) -> list[str]:
    words = {
        "cannot pay": "budget", "has passed": "deadline", "--only": "choice", "did not write it": "output",
        "nmae": "prompt", "sandbox": "sandbox",
    }  # fmt: skip
    return [next(kind for word, kind in words.items() if word in str(problem)) for problem in problems]


def test_all_problems_of_a_new_job_are_found_at_once_and_in_one_order(tmp_path: Path, bounded: Bounded) -> None:
    job = _job(tmp_path)
    (tmp_path / "out.json").write_text("[]")

    def sandbox() -> None:
        raise UsageError([Problem("sandbox", "holds nothing here")])

    for in_full in (False, True):
        look = Look(NOW, bounded, in_full=in_full, sandbox=sandbox)
        found = _kinds(check(job, read_items(job).items, Choice(only=("9",)), look))
        assert found == ["budget", "deadline", "sandbox", "choice", "output", "prompt"]


def test_a_job_that_starts_over_moves_its_own_outputs_away_first(tmp_path: Path, bounded: Bounded) -> None:
    job = _job(tmp_path)
    (tmp_path / "out.json").write_text("[]")
    found = _kinds(check(job, read_items(job).items, Choice(), Look(NOW, bounded, starts_over=True)))
    assert "output" not in found


def test_what_is_wrong_with_items_hides_nothing_that_is_known_without_them(tmp_path: Path, bounded: Bounded) -> None:
    job = _job(tmp_path)
    (tmp_path / "items.csv").write_text("id,name\n1,a\n1,b\n")
    with pytest.raises(UsageError) as raised:
        reading(job, Look(NOW, bounded))
    assert "items.csv" in raised.value.problems[0].where
    assert _kinds(list(raised.value.problems[1:])) == ["budget", "deadline"]


def test_the_mistakes_of_a_batch_plan_do_not_hide_ids_that_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"batches": [{"batch_id": 7, "leads": ["1", "2", "9"]}]}')
    manifest = "items: {file: items.csv}\nsession: {model: sonnet, prompt: '{{ item.id }}'}\nbudget: $5\n"
    manifest += "output: {fields: {id: string}}\nbatch: {plan: plan.json}\n"

    def load_it() -> Job:
        return _job(tmp_path, manifest)

    with pytest.raises(UsageError) as raised:
        loaded(load_it)
    told = " ".join(map(str, raised.value.problems))
    assert "batch_id: " in told and "leads: " in told


def test_a_job_without_a_ledger_is_looked_at_as_a_new_one(tmp_path: Path, bounded: Bounded) -> None:
    job = _job(tmp_path)
    items: Any = read_items(job).items
    look = Look(NOW, bounded)
    assert check_before(job, items, Choice(), Again(), look) == check(job, items, Choice(), look)
