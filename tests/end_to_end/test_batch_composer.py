"""The composer by model on the real CLI: judged by the leads that there are, asked once more with the reasons."""

import asyncio
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.rehearsal.process import RehearsalServer
from tests.covers import covers
from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import Job

SCENE = """
from harness.rehearsal.scene import Ask, Records, Reply

def scene(ask: Ask) -> Reply:
    leads = [lead["id"] for lead in ask.items[0]["data"]["leads"]]
    if ask.vars["icp_config"] == {"is": "clear"}:
        third = leads[2]
    else:
        third = "lead_9" if "plan" in ask.reasons else leads[0]
    batches = [{"batch_id": 1, "leads": leads[:2]}, {"batch_id": 2, "leads": [third]}]
    return Records([{"id": "plan", "batch_plan": {"batches": batches, "priority_order": "signal_strength"}}])
"""


def leads_job(folder: Path, home: Path) -> Job:
    folder.mkdir(parents=True)
    rows = ["lead_id,signal_strength", "lead_1,5", "lead_2,90", "lead_3,40"]
    (folder / "leads.csv").write_text("\n".join(rows))
    (folder / "scene.py").write_text(SCENE)
    manifest: dict[str, Any] = {
        "job": "Leads",
        "noun": "lead",
        "vars": {"strategy": {"batch_size": 2}, "ipc_config": {"is": "unclear"}},
        "items": {"file": "leads.csv", "id": ".lead_id"},
        "order": ["-.signal_strength"],
        "batch": {"size": 2, "plan": "plan.json"},
        "session": {"model": "sonnet", "prompt": "{% for lead in items %}{{ lead.signal_strength }} {% endfor %}"},
        "output": {"fields": {"text": "string"}, "merge": "output/dossiers.json"},
        "budget": "$5",
        "rehearsal": {"scene": "scene.py"},
    }
    (folder / "job.yaml").write_text(json.dumps(manifest))
    return Job(folder, home)


def test_without_a_scene_the_plan_that_is_played_is_a_valid_one(
    make_job: Callable[[Callable[..., Job]], MakeJob],
) -> None:
    job = make_job(leads_job)()
    manifest = json.loads((job.folder / "job.yaml").read_text())
    (job.folder / "job.yaml").write_text(json.dumps(manifest | {"rehearsal": {}}))
    said = job.ask("plan", "--write", "plan.json", "--by", "model")
    assert said.code == 0, said.all
    written = json.loads((job.folder / "plan.json").read_text())
    assert written["composed"]["by"] == "model", said.all
    assert [batch["leads"] for batch in written["batch_plan"]["batches"]] == [["lead_2", "lead_3"], ["lead_1"]]


@covers("F11", "A9")
def test_two_bad_answers_are_followed_by_the_plan_by_rules_and_a_good_one_is_the_plan(
    make_job: Callable[[Callable[..., Job]], MakeJob],
) -> None:
    job = make_job(leads_job)()
    compose = ("--write", "plan.json", "--by", "model")
    other = job.ask("plan", *compose, "--model", "gpt-4.1")
    assert (other.code, "'gpt-4.1' is a model of OpenAI" in other.err) == (2, True), other.all

    said = job.ask("plan", *compose)
    assert said.code == 0, said.all
    reasons = ['"lead_2" is listed twice; batch 1 has it already', 'unknown lead "lead_9"']
    assert all(reason in said.err for reason in reasons), said.all
    written = json.loads((job.folder / "plan.json").read_text())
    assert [batch["leads"] for batch in written["batch_plan"]["batches"]] == [["lead_2", "lead_3"], ["lead_1"]]
    assert written["composed"]["by"] == "rules"
    log = (job.folder / ".harness/job.plan.rehearsal/rehearsal/requests.jsonl").read_text().splitlines()
    assert len({json.loads(line).get("session") for line in log} - {None, ""}) == 2
    beside = Job(job.folder, job.home, "job.plan.yaml")
    report = beside.ask("report").out
    cost = f"${written['composed']['cost_usd']:.2f}"
    assert all(reason in report for reason in (*reasons, f"2 sessions, {cost} charged")), report

    settings = ("--set", 'vars.ipc_config={"is": "clear"}')
    good = job.ask("plan", *compose, *settings)
    assert good.code == 0, good.all
    written = json.loads((job.folder / "plan.json").read_text())
    assert (written["composed"]["by"], written["batch_plan"]["priority_order"]) == ("model", "signal_strength")
    assert "kept as plan.json.edited-1" in good.err
    assert "1 of 1 plan done" in beside.ask("status").out


ANSWERS = """
from harness.rehearsal.scene import Ask, Records, Reply

def scene(ask: Ask) -> Reply:
    told = [name in ask.vars for name in ("strategy", "icp_config", "industry_context", "research_context")]
    batches = [{"batch_id": 1, "leads": ask.vars["research_context"]["leads"]}]
    return Records([{"id": "plan", "batch_plan": {"batches": batches, "told": told}}])
"""


@covers("F30")
def test_the_document_s_function_asks_a_model_with_its_four_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scene.py").write_text(ANSWERS)
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "scripts"))
    monkeypatch.chdir(tmp_path)
    compose = importlib.import_module("batch_composer").compose_batch_plan

    async def composed() -> Any:
        state = tmp_path / ".harness/batch-composer.prompt"
        async with await RehearsalServer.start(state, tmp_path / "scene.py") as server:
            for name, value in {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-ant-api03-none"}.items():
                monkeypatch.setenv(name, value)
            monkeypatch.delenv("CLAUDE_CODE_OAUTH_TOKEN", raising=False)
            monkeypatch.setenv("HOME", str(tmp_path))
            return await compose({"batch_size": 2}, {"fit": "any"}, {"of": "retail"}, {"leads": ["lead_1", "lead_2"]})

    plan = asyncio.run(composed())["batch_plan"]
    assert (plan["batches"], plan["told"]) == ([{"batch_id": 1, "leads": ["lead_1", "lead_2"]}], [True] * 4)
