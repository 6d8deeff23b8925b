"""What a session of the course is told, and how the harness itself judges what comes back."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId
from harness.core.types import Accepted, Artifact, BatchRef, Item, Judgement, Rejected
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.job.job import Job
from harness.job.load import load
from harness.outputs.checks import Checker
from harness.outputs.judge import judge_here
from harness.prompts.render import render
from tests.covers import covers

PHASES = ["translate", "decompose", "baskets"]


def items_of(course: Any, phase: str, number: int) -> tuple[Item, ...]:
    rows = (
        course.lego_items(number) if phase == "baskets" else course.seed_items(number, translated=phase != "translate")
    )
    return tuple(Item(ItemId(row["id"]), row["data"], records=tuple(row.get("records", ()))) for row in rows)


def prompt_of(course: Any, phase: str, number: int) -> str:
    job = load(course.folder / "course.yaml")
    return render(work_of(course, job, phase, number), job.vars, "/mnt/work/out.json").prompt


def work_of(course: Any, job: Job, phase: str, number: int) -> Work:
    spec = job.phase(PHASES.index(phase) + 1)
    places = (number * 20 - 19, number * 20)
    items, context = items_of(course, phase, number), course.context(phase, number)
    return Work(spec, BatchRef(spec.number, number), items, places, context=context)


@covers("F180")
def test_the_prompt_of_a_translation_has_every_seed(course: Any) -> None:
    prompt = prompt_of(course, "translate", 2)
    assert "# Translate seeds 21 to 40" in prompt
    assert all(f"- {seed['id']}: {seed['known']}" in prompt for seed in course.seeds[20:40])


@covers("F180")
def test_the_prompt_of_a_decomposition_has_the_registry_each_phrase_once(course: Any) -> None:
    prompt = prompt_of(course, "decompose", 4)
    assert prompt.count("\n- to know = sapere\n") == 1
    assert f"- {json.dumps(course.pairs[60], ensure_ascii=False)}" in prompt


def test_the_first_decomposition_is_told_that_nothing_is_known(course: Any) -> None:
    assert "(Empty: this is the first batch.)" in prompt_of(course, "decompose", 1)


def test_the_prompt_of_the_last_baskets_fits_and_has_every_lego(course: Any) -> None:
    prompt = prompt_of(course, "baskets", 34)
    assert all(f"- {row[0]}: {row[2]} = {row[3]}\n" in prompt for row in course.decompositions[0][2])
    assert len(prompt) < 200_000


def judged(course: Any, folder: Path, phase: str, number: int, content: str) -> Judgement:
    """The harness's own verdicts on a file."""
    job = load(course.folder / "course.yaml")
    store = ArtifactStore(folder / "artifacts")
    sha = store.put(content.encode())
    work = work_of(course, job, phase, number)
    bounded = Bounded()
    try:
        checker = Checker(work, bounded, job.vars)
        making = [later for later in job.phases if later.from_ == work.phase.number and later.rows]
        artifact = Artifact(work.output.file, sha, len(content.encode()))
        return judge_here(work, [artifact], [], store, checker, making)
    finally:
        bounded.close()


@pytest.mark.parametrize("phase", PHASES)
def test_the_harness_accepts_every_right_record(course: Any, tmp_path: Path, phase: str) -> None:
    right: Any = {item["id"]: course.baskets[item["id"]] for item in course.lego_items(3)}
    if phase != "baskets":
        right = (course.pairs if phase == "translate" else course.decompositions)[40:60]
    verdicts = judged(course, tmp_path, phase, 3, json.dumps(right)).verdicts
    assert {type(verdict) for verdict in verdicts.values()} == {Accepted}
    assert list(verdicts) == [item.id for item in items_of(course, phase, 3)]


@covers("A83")
def test_accepted_decompositions_make_the_legos_of_the_next_phase(course: Any, tmp_path: Path) -> None:
    verdicts = judged(course, tmp_path, "decompose", 3, json.dumps(course.decompositions[40:60])).verdicts
    made = [item.id for verdict in verdicts.values() if isinstance(verdict, Accepted) for item in verdict.derived[3]]
    assert made == [item["id"] for item in course.lego_items(3)]


def test_the_harness_rejects_a_naive_decomposition_with_its_reason(course: Any, tmp_path: Path) -> None:
    naive = course.worker.answer(course.lexicon, "decompose", course.seed_items(3, translated=True), {})
    verdicts = judged(course, tmp_path, "decompose", 3, json.dumps(naive)).verdicts
    rejected = {id_: verdict.reasons for id_, verdict in verdicts.items() if isinstance(verdict, Rejected)}
    assert set(rejected) == {"S0045", "S0051"}
    assert all(reasons[0].facts["type"] == "fd_violation" for reasons in rejected.values())
