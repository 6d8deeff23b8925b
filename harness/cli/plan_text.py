"""The plan of a job for people, and for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from harness.api import Plan
from harness.cli.outline import cells_as_json
from harness.core.money import to_micro, to_usd
from harness.core.reserve import reservation
from harness.job.job import Job
from harness.planning.queue import Planned
from harness.views.change_text import the_job_has_changed
from harness.views.wording import clean, clean_lines, counted, listed

_MOST_LINES = 40


def plan_lines(job: Job, groups: Sequence[Planned]) -> Iterator[str]:
    """A table of what would run, in the order it would run."""
    if not groups:
        yield f"{clean(job.name)}: nothing is left to run"
    several, nouns = len(job.phases) > 1, {phase.name: phase.noun for phase in job.phases}
    for group in groups[:_MOST_LINES]:
        batch = f"{group.phase} {group.batch}" if several else group.batch
        who = counted(len(group.items), clean(nouns[group.phase]))
        waits = f", waits for {group.waits_for}" if group.waits_for else ""
        tries = f", {counted(group.tries, 'earlier try')}" if group.tries else ""
        yield f"  {batch:<16} {group.state:<8} {who}: {listed(list(group.items))} ({group.why}{tries}{waits})"
    if len(groups) > _MOST_LINES:
        yield f"  and {counted(len(groups) - _MOST_LINES, 'more group')}; `--json` lists all"
    for later in job.phases[1:]:
        before = job.phase(later.from_ or 1).name
        yield f"  {later.name}: batch N is planned when batch N of {before} is settled"


def refusals(job: Job, planned: Plan) -> Iterator[str]:
    """What a launch would say of a plan, which is shown nevertheless."""
    if job.rehearsal and (changes := planned.changes.listed()):
        yield f"the next rehearsal will start over: {the_job_has_changed(changes)}"
    for problem in planned.problems:
        hint = f"\n  hint: {problem.hint}" if problem.hint else ""
        yield clean_lines(f"`launch` would refuse: {problem.message}{hint}")


def plan_as_json(job: Job, groups: Sequence[Planned]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "job": job.name,
        "rehearsal": job.rehearsal,
        "cells": cells_as_json(job),
        "groups": [asdict(group) for group in groups],
        "reservation_usd": {phase.name: float(to_usd(reservation(job, phase))) for phase in job.phases},
        "budget_usd": float(to_usd(to_micro(job.budget))) if job.budget is not None else None,
    }
