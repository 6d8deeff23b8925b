"""`plan --write` and `batch: {plan: plan.json}`: the batches that run are those of the file, at its pace."""

import json
from typing import Any

import pytest

from harness.job.load import load
from tests.cli.conftest import Desk, assert_sound, count, merged
from tests.covers import covers

SIX = {f"lead_{number}": "good" for number in range(1, 7)}


def a_job(desk: Desk, more: str = "") -> None:
    desk.job(SIX, more=f"batch: {{size: 4, plan: plan.json}}\nparallel: 2\nrate: 300/min\n{more}")
    manifest = desk.folder / "job.yaml"
    manifest.write_text(manifest.read_text().replace("noun: number", "noun: lead"))


def plan_in(desk: Desk) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((desk.folder / "plan.json").read_text())["batch_plan"]
    return plan


def edit(desk: Desk, **changes: Any) -> None:
    (desk.folder / "plan.json").write_text(json.dumps({"batch_plan": plan_in(desk) | changes}, indent=2))


def groups(desk: Desk) -> list[list[str]]:
    return [group["items"] for group in desk.types("plan", "--json").json()["groups"]]


def test_all_that_is_wrong_with_a_plan_is_told_at_once_and_at_its_place(desk: Desk) -> None:
    a_job(desk)
    plan = {"batches": [{"batch_id": 1, "leads": ["lead_1", "lead_1", "lead_9"]}], "batch_size": 2, "total_leads": 8}
    (desk.folder / "plan.json").write_text(json.dumps({"batch_plan": plan}, indent=1))
    said = desk.types("check", "--only", "plan")
    assert said.code == 2
    for told in (
        "listed twice",
        "number of ids in all batches, got 8",
        'unknown lead "lead_9"',
        'in no batch: "lead_2"',
    ):
        assert told in said.err, said.err
    (desk.folder / "plan.json").write_text('{"batch_plan":\n  {"batches": [oops]}}')
    assert "plan.json:2:16: not JSON" in desk.types("check", "--only", "plan").err


@covers("F24")
def test_the_plan_that_was_written_and_edited_is_the_one_that_runs(desk: Desk) -> None:
    a_job(desk)
    missing = desk.types("launch", "--trust")
    assert missing.code == 2
    assert "job.yaml:8:24: batch.plan: the file 'plan.json' does not exist" in missing.err
    assert "`harness plan --write plan.json` writes it" in missing.err
    wrote = desk.types("plan", "--write", "plan.json")
    assert (wrote.code, wrote.out) == (0, "")
    assert "wrote plan.json: 6 leads in 2 batches of at most 4" in wrote.err
    plan = plan_in(desk)
    assert (plan["total_leads"], plan["batch_size"]) == (6, 4)
    assert plan["throttling"] == {"api_calls_per_minute": 300, "concurrent_dossiers": 2}

    mine = [["lead_6", "lead_1"], ["lead_5", "lead_2", "lead_3"], ["lead_4"]]
    batches = [{"batch_id": number, "leads": leads} for number, leads in enumerate(mine, 1)]
    edit(desk, batches=batches, throttling={"api_calls_per_minute": 200, "concurrent_dossiers": 1})
    assert groups(desk) == mine
    assert "3 of at most 3 as in plan.json, 1 at once" in desk.types("check", "--only", "plan").out
    job = load(desk.folder / "job.yaml")
    assert (job.parallel, job.bounds.rate and job.bounds.rate.starts) == (1, 200)
    assert desk.types("launch", "--trust").code == 0
    assert count(desk.folder, "BatchPlanned") == 3
    assert [record["id"] for record in merged(desk.folder)] == [lead for leads in mine for lead in leads]
    assert_sound(desk.folder)

    edit(desk, throttling={"api_calls_per_minute": 9})  # how fast is no matter of what is done
    assert desk.types("launch").code == 0
    edit(desk, batches=[{"batch_id": 1, "leads": list(SIX)}], batch_size=6)
    changed = desk.types("launch")
    assert changed.code == 2
    assert "batch.plan has changed" in changed.err or "batch.plan was" in changed.err
    assert "every done record stays" in changed.err
    again = desk.types("launch", "--keep")
    assert (again.code, count(desk.folder, "AttemptStarted"), len(merged(desk.folder))) == (0, 3, 6)


def test_an_edited_plan_is_refused_with_all_that_is_wrong_and_where(desk: Desk) -> None:
    a_job(desk)
    desk.types("plan", "--write", "plan.json")
    edit(desk, total_leads=9, throttling={"concurrent": 3})
    wrong = desk.types("check", "--only", "plan")
    assert wrong.code == 2
    assert "plan.json:3:20: total_leads: expected 6, the number of ids in all batches, got 9" in wrong.err
    assert "concurrent: unknown key" in wrong.err
    desk.types("plan", "--write", "plan.json")
    plan = plan_in(desk)
    plan["batches"][0]["leads"][0] = "lead_99"
    edit(desk, batches=plan["batches"])
    for command in ("check", "plan", "launch"):
        said = desk.types(command)
        assert said.code == 2
        assert 'plan.json:9:11: leads: unknown lead "lead_99"' in said.err
        assert 'in no batch: "lead_1"' in said.err
    (desk.folder / "plan.json").write_text("{")
    assert "plan.json" in desk.types("check", "--only", "plan").err


def test_what_lies_where_a_plan_is_written_is_never_lost(desk: Desk) -> None:
    a_job(desk)
    for _ in range(2):
        assert desk.types("plan", "--write", "plan.json").code == 0
    assert not list(desk.folder.glob("plan.json.*"))
    before = (desk.folder / "plan.json").read_bytes()
    again = desk.types("plan", "--write", "plan.json", "--set", "batch.size=2")
    assert "kept as plan.json.edited-1" in again.err
    assert (desk.folder / "plan.json.edited-1").read_bytes() == before
    (desk.folder / "other.json").write_text('{"mine": 1}')
    for name in ("other.json", "worker.py"):
        refused = desk.types("plan", "--write", name)
        assert refused.code == 2
    assert (desk.folder / "other.json").read_text() == '{"mine": 1}'


def test_new_leads_are_planned_where_the_plan_puts_them(desk: Desk) -> None:
    a_job(desk)
    desk.types("plan", "--write", "plan.json")
    assert desk.types("launch", "--trust").code == 0
    with (desk.folder / "items.jsonl").open("a") as file:
        file.write('{"id": "lead_7"}\n{"id": "lead_8"}\n')
    assert 'in no batch: "lead_7", "lead_8"' in desk.types("launch", "--add").err
    batches = [*plan_in(desk)["batches"], {"batch_id": 3, "leads": ["lead_8", "lead_7"]}]
    edit(desk, batches=batches, total_leads=8)
    assert desk.types("launch", "--add", "--keep").code == 0
    assert [record["id"] for record in merged(desk.folder)] == [*SIX, "lead_8", "lead_7"]
    assert count(desk.folder, "BatchPlanned") == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("batch: {plan: plan.txt}", "expected a file that ends with .json"),
        ("batch: {plan: '{x}.json'}", "{x} is not one of vars"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_at_its_place(desk: Desk, more: str, said: str) -> None:
    desk.job(SIX, more=f"{more}\n")
    refused = desk.types("check", "--only", "plan")
    assert (refused.code, "job.yaml:8:15: batch.plan: " in refused.err, said in refused.err) == (2, True, True)


def test_the_report_says_who_composed_the_plan_and_what_was_rejected(desk: Desk) -> None:
    a_job(desk)
    desk.types("plan", "--write", "plan.json")
    assert desk.types("launch", "--trust").code == 0
    value = json.loads((desk.folder / "plan.json").read_text())
    rejected = {"by": "rules", "because": ["lead_1 twice", "no lead_9"], "cost_usd": 0.031}
    for composed, said in (
        (
            rejected,
            "composed by rules because the model's answers were rejected: 1. lead_1 twice; 2. no lead_9; they cost",
        ),
        ({"by": "model", "cost_usd": "much"}, "plan.json, composed by a model for an unknown amount"),
        ("mine", "plan.json"),
    ):
        (desk.folder / "plan.json").write_text(json.dumps(value | {"composed": composed}))
        assert said in desk.types("report").out
