"""The job that a script describes, without a manifest."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from harness.job.job import ItemsSpec, Job, OutputSpec, PhaseSpec, SelectSpec, SessionSpec
from tests.simulation.script import Script


def job_of(script: Script, folder: Path) -> Job:
    """Everything that it writes lies in `folder`."""
    phases = tuple(_phase(script, number, folder) for number in range(1, script.phases + 1))
    return Job(
        name="simulated",
        noun="item",
        manifest=folder / "job.yaml",
        folder=folder,
        state=folder / "state",
        rehearsal=False,
        scene=None,
        vars={},
        items=ItemsSpec(None, None, "", "", None, ()),
        phases=phases,
        strikes=script.strikes,
        parallel=script.parallel,
        budget=script.budget,
        budget_per_session=Decimal("0.40") if script.budget is not None else None,
        max_output=4_000,
        grace=timedelta(seconds=30),
        sandbox="off",
        auth=None,
        readable=(),
        pilot=script.pilot,
        bounds=script.bounds(),
    )


def _phase(script: Script, number: int, folder: Path) -> PhaseSpec:
    makes = script.makes_items and number > 1
    selects = makes and number == script.phases and script.selects is not None
    return PhaseSpec(
        number=number,
        name=f"phase{number}",
        noun="item",
        from_=number - 1 or None,
        needs=script.needs if number > 1 else "own",
        rows=".makes[]" if makes else None,
        id=".id" if makes else None,
        batch_size=script.batch_size,
        session=_session(),
        plan=".plan" if makes and script.plan is not None else None,
        output=OutputSpec("output.json", "array", ".id", ".id", (), None, folder / f"merged-{number}.json"),
        select=SelectSpec(script.selects, ".score", False, None, None, None, {}) if selects else None,
    )


def _session() -> SessionSpec:
    return SessionSpec(
        backend="claude",
        model="sonnet",
        prompt="Write the records of {{ items | length }} items.",
        prompt_name="<prompt>",
        instructions="",
        tools=("Write",),
        command=(),
        timeout=timedelta(minutes=20),
        first_event=None,
        silence=None,
        idle_after_output=timedelta(seconds=30),
        max_turns=None,
    )
