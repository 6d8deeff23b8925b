"""Composes a batch plan by rules: the same leads give the same plan, and it costs nothing.

`compose_batch_plan_simple` is the function of document 000; `harness plan --write` writes what `compose_plan` makes.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from harness.base.durations import in_words
from harness.job.batch_plan import AT_ONCE, CALLS, NO_PACE, TOP, Pace

TIME_PER_LEAD = timedelta(minutes=3)
"""What is reckoned with before anything was measured: the document's 10 leads in 30 minutes."""


def compose_batch_plan_simple(leads: list[Any], batch_size: int = 10) -> dict[str, Any]:
    """`{"batches": [{"batch_id": 1, "leads": [...]}, ...]}`: the leads in their order, ids of batches from 1.

    No leads are no batches. ValueError unless `batch_size` is a whole number of at least 1.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"expected a batch_size of at least 1, got {batch_size!r}")
    starts = range(0, len(leads), batch_size)
    return {
        "batches": [
            {"batch_id": number, "leads": leads[start : start + batch_size]} for number, start in enumerate(starts, 1)
        ]
    }


def compose_plan(
    ids: Sequence[str],
    batch_size: int,
    *,
    priority_order: str | None = None,
    pace: Pace = NO_PACE,
    time_per_lead: timedelta = TIME_PER_LEAD,
) -> dict[str, Any]:
    """`{"batch_plan": {...}}` as the document has it. `priority_order` names what the ids were put in order by.

    `estimated_time` is text, `estimated_seconds` the same as a number: of the batch alone.
    """
    batches = compose_batch_plan_simple(list(ids), batch_size)["batches"]
    throttling = {CALLS: pace.starts_per_minute, AT_ONCE: pace.at_once}
    plan = {
        "total_leads": len(ids),
        "batch_size": batch_size,
        "priority_order": priority_order,
        "batches": [{**batch, **_time(len(batch["leads"]) * time_per_lead)} for batch in batches],
        "throttling": {name: value for name, value in throttling.items() if value is not None},
    }
    return {TOP: {name: value for name, value in plan.items() if value is not None and value != {}}}


def _time(span: timedelta) -> dict[str, Any]:
    seconds = round(span.total_seconds())
    text = f"{seconds // 60}min" if seconds < 3600 and seconds % 60 == 0 else in_words(span)
    return {"estimated_time": text, "estimated_seconds": seconds}
