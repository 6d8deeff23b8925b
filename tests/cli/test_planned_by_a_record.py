"""Items and batches that come out of an accepted record: a composer's plan is judged before it is accepted."""

import json
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.ledger.store import rebuild, state_of
from tests.checker.laws import broken_laws
from tests.covers import covers

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

WORKER = """\
import json, os
items, phase = json.load(open("items.json")), os.environ["HARNESS_PHASE"]
def record(item):
    if phase == "dossiers":
        return {"id": item["id"], "email": item["data"]["email"], "batch": os.environ["HARNESS_BATCH"]}
    plans = item["data"]["plans"]
    return {"id": item["id"], "batch_plan": plans[-1 if item["reasons"] else 0]}
json.dump([record(item) for item in items], open(os.environ["HARNESS_OUTPUT"], "w"))
"""


def plan_of(*batches: list[Any], **more: Any) -> dict[str, Any]:
    return {"batches": [{"batch_id": number, "leads": leads} for number, leads in enumerate(batches, 1)], **more}


def chain(desk: "Desk", *plans: Any, join: dict[str, Any] | None = None, **made: Any) -> None:
    """A client whose composer answers with these plans, one after the other; five leads in a CSV file."""
    (desk.folder / "worker.py").write_text(WORKER)
    (desk.folder / "clients.json").write_text(json.dumps([{"id": "acme", "plans": plans}]))
    (desk.folder / "leads.csv").write_text("lead_id,email\n" + "".join(f"l{n},{n}@x.org\n" for n in range(1, 6)))
    source = join or {"file": "leads.csv", "id": ".lead_id"}
    manifest = {
        "job": "Leads",
        "items": {"file": "clients.json"},
        "session": {"backend": "command", "command": [sys.executable, "worker.py"]},
        "phases": {
            "compose": {"output": {"merge": "output/plans.json"}},
            "dossiers": {
                "from": "compose",
                "items": {"rows": ".batch_plan.batches[].leads[]", "noun": "lead", "join": source, **made},
                "batch": {"plan": ".batch_plan"},
                "output": {"merge": "output/dossiers.json"},
            },
        },
    }
    (desk.folder / "job.yaml").write_text(json.dumps(manifest))


def merged(desk: "Desk") -> list[tuple[str, str]]:
    records = json.loads((desk.folder / "output/dossiers.json").read_bytes())
    return [(record["id"], record["batch"]) for record in records]


def assert_sound(folder: Path) -> None:
    state = folder / ".harness/job"
    db = sqlite3.connect(state / "ledger.db")
    assert state_of(db) == state_of(rebuild(db))
    db.close()
    assert broken_laws(state) == []


@covers("F5", "F23")
def test_the_batches_that_run_are_those_of_the_record_with_the_rows_of_the_source(desk: "Desk") -> None:
    chain(desk, plan_of(["l5", "l1"], ["l2"], ["l4", "l3"], throttling={"concurrent_dossiers": 2}))
    launched = desk.types("launch", "--plain")
    assert (launched.code, "accepted (1 item, 5 leads)" in launched.err) == (0, True), launched.err
    assert merged(desk) == [("l5", "1.1"), ("l1", "1.1"), ("l2", "1.2"), ("l4", "1.3"), ("l3", "1.3")]
    records = json.loads((desk.folder / "output/dossiers.json").read_bytes())
    assert records[0]["email"] == "5@x.org"
    assert "the plan of 'acme' sets the pace of dossiers: at most 2 at once" in desk.types("log", "--all").out
    assert_sound(desk.folder)
    assert desk.types("launch").code == 0


def test_the_order_is_the_plan_s_whatever_order_the_rows_come_in(desk: "Desk") -> None:
    chain(desk, plan_of(["l5", "l1"], ["l2"], ["l4", "l3"]), rows="[.batch_plan.batches[].leads[]] | sort | .[]")
    desk.has_typed("launch")
    assert merged(desk) == [("l5", "1.1"), ("l1", "1.1"), ("l2", "1.2"), ("l4", "1.3"), ("l3", "1.3")]


GOOD = plan_of(["l1", "l2", "l3"], ["l4", "l5"])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (plan_of(["l1", "l2", "l3"], ["l4", "l5", "l1"]), '.batch_plan.batches[1].leads[2]: "l1" is listed twice'),
        (plan_of(["l1", "l2", "l3"], ["l4", "l5", "l9"]), 'unknown lead "l9"'),
        (plan_of(["l1", "l2", "l3"]), 'leads were left out: "l4", "l5"'),
        (plan_of(["l1", "l2", "l3", "l4", "l5"], batch_size=3), "batch 1 has 5 ids, more than 3 (batch_size)"),
        (
            plan_of(["l1", "l2", "l3", "l4", "l5"], total_leads=50),
            ".batch_plan.total_leads: expected 5, the number of ids",
        ),
        ({"batches": []}, ".batch_plan.batches: expected at least one batch, got an empty list"),
        (None, ".batch_plan: expected an object with a list `batches`"),
    ],
)
def test_a_plan_with_a_flaw_is_rejected_and_asked_for_again_with_the_reason(desk: "Desk", bad: Any, said: str) -> None:
    chain(desk, bad, GOOD)
    desk.has_typed("launch")
    why = desk.types("why", "acme").out
    assert said in why.replace("\n", " "), why
    assert [batch for _, batch in merged(desk)] == ["1.1"] * 3 + ["1.2"] * 2
    assert_sound(desk.folder)


def test_a_composer_that_insists_fails_and_no_lead_is_worked_on(desk: "Desk") -> None:
    chain(desk, plan_of(["l1"]))
    desk.has_typed("launch", code=1)
    assert not (desk.folder / "output/dossiers.json").exists() or merged(desk) == []


def test_leads_may_be_left_out_where_the_manifest_says_so(desk: "Desk") -> None:
    (desk.folder / "leads.jsonl").write_text("".join(f'{{"id": {n}, "email": "{n}"}}\n' for n in range(1, 4)))
    chain(desk, plan_of([3, 1]), join={"file": "leads.jsonl"}, left_out="allow")
    desk.has_typed("launch")
    assert merged(desk) == [("3", "1.1"), ("1", "1.1")]


def test_a_source_that_changed_under_the_job_is_a_change_of_the_job(desk: "Desk") -> None:
    chain(desk, GOOD)
    assert desk.types("check", "--only", "plan").code == 0
    assert desk.types("launch").code == 0
    with (desk.folder / "leads.csv").open("a") as file:
        file.write("l6,6@x.org\n")
    changed = desk.types("launch")
    assert changed.code == 2
    assert "phases.dossiers.items.join has changed" in changed.err
    assert desk.types("launch", "--keep").code == 0
    (desk.folder / "leads.csv").write_text("lead_id,email\nl1,a\nl1,b\n")
    broken = desk.types("check", "--only", "plan")
    assert broken.code == 2
    assert "leads.csv:3" in broken.err


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ({"batch": {"plan": "plan.json"}}, "phases.dossiers.batch.plan: expected a path in the record"),
        ({"batch": {"plan": ".p", "size": 3}}, "phases.dossiers.batch.size: the plan says how large batches are"),
        ({"items": {"rows": ".a[]", "left_out": "allow"}}, "items.left_out: has an effect only together with `join`"),
        ({"items": {"rows": ".a[]", "join": {"files": "*.md"}}}, "items.join.files: expected a source of rows"),
        ({"items": {"rows": ".a[]", "join": {"file": "none.csv"}}}, "phases.dossiers.items.join.file: "),
        ({"items": {"rows": ".a[]", "join": {"file": "leads.csv", "id": "x"}}}, "dossiers.items.join.id: expected a"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(desk: "Desk", phase: dict[str, Any], said: str) -> None:
    chain(desk, GOOD)
    manifest = json.loads((desk.folder / "job.yaml").read_text())
    manifest["phases"]["dossiers"] |= phase
    (desk.folder / "job.yaml").write_text(json.dumps(manifest))
    refused = desk.types("check", "--only", "plan")
    assert (refused.code, said in refused.err, "job.yaml:1:" in refused.err) == (2, True, True), refused.err


@covers("A14")
def test_another_plan_keeps_the_dossiers_that_are_done(desk: "Desk") -> None:
    chain(desk, GOOD, plan_of(["l5"], ["l4", "l1"], ["l3", "l2"], throttling={"api_calls_per_minute": 600}))
    manifest = json.loads((desk.folder / "job.yaml").read_text())
    manifest["phases"]["dossiers"]["output"]["check"] = [{"jq": '.batch == "1.1" or .id == "l5"', "says": "too late"}]
    (desk.folder / "job.yaml").write_text(json.dumps(manifest))
    desk.has_typed("launch", code=1)  # l4 fails
    assert merged(desk) == [("l1", "1.1"), ("l2", "1.1"), ("l3", "1.1"), ("l5", "1.2")]
    assert desk.types("reject", "acme", "--why", "other batches", "--yes").code == 0
    assert [id_ for id_, _ in merged(desk)] == ["l1", "l2", "l3", "l5"]
    manifest["phases"]["dossiers"]["output"]["check"] = []
    (desk.folder / "job.yaml").write_text(json.dumps(manifest))
    assert desk.types("launch", "--keep").code == 0
    assert merged(desk) == [("l1", "1.1"), ("l2", "1.1"), ("l3", "1.1"), ("l5", "1.2"), ("l4", "1.3")]
    assert "600 starts a minute" in desk.types("log", "--all").out
    assert_sound(desk.folder)
