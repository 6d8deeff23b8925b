"""The two manifests of the course: one job, two ways to do it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jq
import jsonschema
import pytest

from harness.job.job import Job, PhaseSpec
from harness.job.load import load
from tests.covers import covers


def jobs(course: Any, *settings: str) -> tuple[Job, Job]:
    claude = load(course.folder / "course.yaml", settings=settings)
    return claude, load(course.folder / "course-command.yaml", settings=settings)


def test_both_manifests_ask_for_the_same_work(course: Any) -> None:
    def work(phase: PhaseSpec, session: Any) -> PhaseSpec:
        return replace(phase, session=session, output=replace(phase.output, merge=None))

    claude, command = jobs(course)
    pairs = zip(claude.phases, command.phases, strict=True)
    assert all(work(one, one.session) == work(other, one.session) for one, other in pairs)
    assert claude.items == command.items


@covers("F174")
def test_the_number_of_seeds_is_a_var(course: Any) -> None:
    for job in jobs(course, "vars.seeds=100"):
        rows = jq.compile(job.items.rows, args=dict(job.vars)).input_text(Path(str(job.items.file)).read_text()).all()
        assert [row["id"] for row in rows] == [seed["id"] for seed in course.seeds[:100]]
        assert "ita_for_eng_100" in str(job.phase(3).output.merge)


def test_the_legos_of_a_seed_become_items(course: Any) -> None:
    rows = jobs(course)[0].phase(3).rows
    assert jq.compile(rows).input_value(course.decompositions[0]).all()[1] == {
        "id": "S0001L02", "type": "B", "target": "parlare", "known": "to speak",
    }  # fmt: skip


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_right_record_fits_its_schema(course: Any, number: int) -> None:
    schema = jobs(course)[0].phase(number).output.schema
    assert schema is not None
    validator = jsonschema.Draft202012Validator(schema)
    records = [course.pairs, course.decompositions, list(course.baskets.values())][number - 1]
    assert all(validator.is_valid(record) for record in records)


@covers("F186")
def test_the_standing_instructions_are_the_same_for_every_session_of_a_phase(course: Any) -> None:
    for phase in jobs(course)[0].phases:
        assert "{{" not in phase.session.instructions and len(phase.session.instructions) > 3_000


def test_a_rehearsal_has_short_clocks_and_files_of_its_own(course: Any) -> None:
    job = load(course.folder / "course.yaml", rehearsal=True)
    for phase in job.phases:
        assert phase.session.silence is not None and phase.session.silence.total_seconds() < 30
        assert ".rehearsal" in str(phase.output.merge)
