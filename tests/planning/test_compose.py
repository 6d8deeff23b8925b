"""The composer by rules: document 000's function and file, with batches numbered from 1."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.job.batch_plan import Pace, against, read_plan
from harness.planning.compose import compose_batch_plan_simple, compose_plan
from tests.covers import covers

LEADS = [f"lead_{number:03d}" for number in range(1, 51)]


@covers("A1")
def test_A1_batches_count_from_1_and_the_last_one_may_be_short() -> None:
    plan = compose_batch_plan_simple(LEADS, 20)
    assert [(each["batch_id"], len(each["leads"])) for each in plan["batches"]] == [(1, 20), (2, 20), (3, 10)]
    assert compose_batch_plan_simple(LEADS)["batches"][4]["leads"] == LEADS[40:]


@covers("A13")
@pytest.mark.parametrize("size", [0, -1, None, True, 2.5])
def test_A13_no_leads_are_no_batches_and_no_size_is_an_error(size: object) -> None:
    assert compose_batch_plan_simple([], 10) == {"batches": []}
    with pytest.raises(ValueError, match="at least 1"):
        compose_batch_plan_simple(LEADS, size)  # type: ignore[arg-type]  # what a caller may give all the same


@covers("F3", "F14", "F15", "F16", "F17", "F18", "F19", "A8")
def test_the_plan_is_the_document_s_json() -> None:
    plan = compose_plan(LEADS, 10, priority_order="signal_strength", pace=Pace(10, 3))["batch_plan"]
    assert (plan["total_leads"], plan["batch_size"], plan["priority_order"]) == (50, 10, "signal_strength")
    first = {"batch_id": 1, "leads": LEADS[:10], "estimated_time": "30min", "estimated_seconds": 1800}
    assert plan["batches"][0] == first
    assert plan["throttling"] == {"api_calls_per_minute": 10, "concurrent_dossiers": 3}
    assert compose_plan(LEADS, 50, time_per_lead=timedelta(minutes=2))["batch_plan"]["batches"][0][
        "estimated_time"
    ] == ("1h 40m")
    assert list(compose_plan(["a"], 1)["batch_plan"]) == ["total_leads", "batch_size", "batches"]


@covers("F4", "A6")
@given(st.lists(st.text(min_size=1).filter(str.strip), unique=True, min_size=1), st.integers(1, 20))
def test_what_is_composed_is_read_without_a_flaw_and_names_every_lead_once(ids: list[str], size: int) -> None:
    plan, flaws = read_plan(compose_plan(ids, size, pace=Pace(1, 1)))
    assert flaws == []
    assert [id_ for batch in plan.batches for id_ in batch] == ids
    assert against(plan, ids, "lead") == []
