"""Batch plans that people edit and models write: every flaw is found at once, and says where it is."""

from typing import Any

import pytest

from harness.job.batch_plan import BatchPlan, Pace, against, read_plan
from harness.job.plan_flaws import Flaw
from tests.covers import covers


def plan_of(**changes: Any) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "total_leads": 3,
        "batch_size": 2,
        "priority_order": "signal_strength",
        "batches": [
            {"batch_id": 1, "leads": ["a", "b"], "estimated_time": "6min"},
            {"batch_id": 2, "leads": ["c"], "estimated_time": 180},
        ],
        "throttling": {"api_calls_per_minute": 10, "concurrent_dossiers": 3},
    }
    return {"batch_plan": {name: value for name, value in (plan | changes).items() if value is not None}}


def flaws_of(value: Any, noun: str = "lead") -> list[str]:
    return [f"{'.'.join(map(str, flaw.path))}: {flaw.kind}" for flaw in read_plan(value, noun)[1]]


@covers("F20", "F21", "F26", "A11")
def test_a_plan_is_read_with_its_batches_and_its_pace() -> None:
    plan, flaws = read_plan(plan_of())
    assert flaws == []
    assert (plan.batches, plan.pace, plan.largest) == ((("a", "b"), ("c",)), Pace(10, 3), 2)
    assert plan.number_of() == {"a": 1, "b": 1, "c": 2}
    assert read_plan(plan_of()["batch_plan"])[0].batches == plan.batches
    assert read_plan(plan_of(throttling=None))[0].pace == Pace()


def test_items_may_be_called_after_the_noun_of_the_job() -> None:
    named = {"batches": [{"batch_id": 1, "schools": ["a", 7]}], "total_schools": 2}
    assert read_plan(named, "school")[0].batches == (("a", "7"),)
    assert flaws_of({**named, "total_schools": 3}, "school") == ["total_schools: wrong_total"]
    assert flaws_of(named, "lead") == ["batches.0.leads: not_a_list"]


ONE = {"batch_id": 1, "leads": ["a", "b", "c"]}


@covers("A6")
@pytest.mark.parametrize(
    ("value", "flaw"),
    [
        ([], ": no_batches"),
        ({"batch_plan": {}}, "batch_plan: no_batches"),
        (plan_of(batches=[]), "batch_plan.batches: empty"),
        (plan_of(total_leads=50), "batch_plan.total_leads: wrong_total"),
        (plan_of(total_leads="3"), "batch_plan.total_leads: not_a_number"),
        (plan_of(batch_size=1), "batch_plan.batches.0.leads: too_many"),
        (plan_of(batch_size=0), "batch_plan.batch_size: not_a_number"),
        (plan_of(priority_order=7), "batch_plan.priority_order: not_a_field_name"),
        (plan_of(batches=[{**ONE, "batch_id": 0}], batch_size=3), "batch_plan.batches.0.batch_id: wrong_number"),
        (plan_of(batches=[{**ONE, "batch_id": True}], batch_size=3), "batch_plan.batches.0.batch_id: wrong_number"),
        (plan_of(batches=[{"leads": ["a", "b", "c"]}], batch_size=3), "batch_plan.batches.0.batch_id: wrong_number"),
        (
            plan_of(batches=[{**ONE, "leads": ["a", "b", "a"]}], batch_size=3),
            "batch_plan.batches.0.leads.2: repeated_id",
        ),
        (plan_of(batches=[{**ONE, "leads": ["a", ""]}], total_leads=2), "batch_plan.batches.0.leads.1: not_an_id"),
        (plan_of(batches=[{**ONE, "leads": ["a", None]}], total_leads=2), "batch_plan.batches.0.leads.1: not_an_id"),
        (plan_of(batches=[{**ONE, "leads": []}], total_leads=0), "batch_plan.batches.0.leads: not_a_list"),
        (plan_of(batches=["a"], total_leads=0), "batch_plan.batches.0: not_a_batch"),
        (
            plan_of(batches=[{**ONE, "estimated_time": "soon"}], batch_size=3),
            "batch_plan.batches.0.estimated_time: not_a_duration",
        ),
        (
            plan_of(batches=[{**ONE, "estimated_time": True}], batch_size=3),
            "batch_plan.batches.0.estimated_time: not_a_duration",
        ),
        (plan_of(throttling=3), "batch_plan.throttling: not_a_pace"),
        (plan_of(throttling={"calls": 3}), "batch_plan.throttling.calls: unknown_key"),
        (plan_of(throttling={"concurrent_dossier": 3}), "batch_plan.throttling.concurrent_dossier: unknown_key"),
        (plan_of(throttling={"api_calls_per_minute": 0}), "batch_plan.throttling.api_calls_per_minute: not_a_number"),
        (plan_of(throttling={"concurrent_dossiers": 257}), "batch_plan.throttling.concurrent_dossiers: not_a_number"),
        (plan_of(batchsize=2), "batch_plan.batchsize: unknown_key"),
    ],
)
def test_a_flaw_is_found_and_says_where_it_is(value: Any, flaw: str) -> None:
    found = flaws_of(value)
    assert len(found) == 1, found
    assert flaw == found[0]


def test_all_flaws_are_found_at_once_and_notes_are_none() -> None:
    bad = plan_of(total_leads=9, throttling={"x": 1}, batches=[{**ONE, "batch_id": 0}, {"batch_id": 3, "leads": ["a"]}])
    assert len(flaws_of(bad)) == 6
    assert flaws_of(plan_of(author="a person", remarks=["none"])) == []


def test_invented_ids_and_those_left_out_are_named() -> None:
    plan, _ = read_plan(plan_of())
    assert against(plan, ["a", "b", "d", "e"], "lead") == [
        Flaw(("batch_plan", "batches", 1, "leads", 0), "unknown_id", {"noun": "lead", "id": "c", "meant": None}),
        Flaw(("batch_plan", "batches"), "unplanned_ids", {"ids": ["d", "e"], "more": 0}),
    ]
    assert against(plan, ["a", "b", "c", "d"], "lead", all_of_them=False) == []
    (left,) = against(BatchPlan(()), [f"lead_{n}" for n in range(8)], "lead")
    assert left.facts == {"ids": [f"lead_{n}" for n in range(5)], "more": 3}
