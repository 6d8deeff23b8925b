"""The composer's job of one item: what it is asked about, and under which bounds."""

import json
from decimal import Decimal
from pathlib import Path

from harness.base.ids import ItemId
from harness.core.types import Item
from harness.job.load import load
from harness.planning.composer_job import (
    ID,
    NAME,
    VARIABLES,
    composer_job,
    prompt_job,
    request_of,
    template_of,
    variables_of,
)
from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]


def a_job(folder: Path, **more: object) -> Path:
    (folder / "leads.json").write_text('[{"id": "l1", "n": 1}]')
    manifest = {
        "items": {"file": "leads.json"}, "noun": "lead", "order": ["-.n"], "batch": {"size": 4}, "budget": "$8",
        "session": {"model": "opus", "prompt": "{% for item in items %}{{ item.n }}{% endfor %}", "timeout": "7m"},
        "output": {"key": ".id"}, "parallel": 2, **more,
    }  # fmt: skip
    (folder / "job.yaml").write_text(json.dumps(manifest))
    return folder / "job.yaml"


def test_the_prompt_of_this_repository_is_the_one_that_comes_with_the_program(tmp_path: Path) -> None:
    assert template_of(ROOT)[0] == template_of(tmp_path)[0]
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/batch-composer.md").write_text("Mine: {{ vars.strategy }}")
    assert template_of(tmp_path) == ("Mine: {{ vars.strategy }}", "prompts/batch-composer.md")


@covers("A2")
def test_the_four_variables_come_out_of_vars_and_ipc_is_icp(tmp_path: Path) -> None:
    text = template_of(tmp_path)[0]
    assert all(f"vars.{name}" in text for name in VARIABLES)
    job = load(a_job(tmp_path, vars={"ipc_config": {"fit": 1}, "industry_context": "retail"}))
    known = variables_of(job)
    assert tuple(known) == VARIABLES
    assert (known["icp_config"], known["industry_context"], known["research_context"]) == ({"fit": 1}, "retail", None)
    assert known["strategy"] == {"leads": "all", "batch_size": 4, "concurrent_dossiers": 2, "priority_order": "n"}


@covers("A9")
def test_it_is_one_item_with_two_strikes_in_the_bounds_of_the_job(tmp_path: Path) -> None:
    job = load(a_job(tmp_path))
    state = tmp_path / ".harness/job.plan"
    asked = composer_job(job, state, state / "request.json", "sonnet")
    phase = asked.phases[0]
    assert (asked.strikes, asked.parallel, asked.budget) == (2, 1, Decimal(8))
    assert (phase.session.backend, phase.session.model, phase.session.timeout) == (
        "claude", "sonnet", job.phases[0].session.timeout,
    )  # fmt: skip
    assert phase.plans is not None and phase.plans.file == tmp_path / "leads.json"
    assert request_of(job, [Item(ItemId("l1"), {"n": 1})]) == [{"id": ID, "leads": [{"id": "l1", "n": 1}]}]


def test_a_prompt_without_a_job_has_a_budget_of_its_own(tmp_path: Path) -> None:
    job = prompt_job(tmp_path, NAME, {"strategy": {}}, "sonnet")
    assert (job.budget, job.state.name, job.phases[0].plans) == (Decimal(5), "batch-composer.prompt", None)
