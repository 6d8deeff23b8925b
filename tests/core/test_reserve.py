"""What no session can cost more than, whatever its stream says."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from harness.core.reserve import most_cost
from tests.simulation.building import job_of
from tests.simulation.script import Script


def test_a_session_has_a_most_cost_where_something_caps_it_and_a_program_has_none(tmp_path: Path) -> None:
    job = job_of(Script(budget=Decimal(5)), tmp_path)
    phase = job.phase(1)
    most = most_cost(job, phase)
    assert most is not None and most > 400_000, "the cap of a session, and what may be under way"
    assert most_cost(job, replace(phase, session=replace(phase.session, backend="command"))) is None
    assert most_cost(job_of(Script(), tmp_path), phase) is None
