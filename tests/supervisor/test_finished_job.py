"""Laws of a job at rest: launched again it does nothing, unless something that it wrote is not as it left it."""

from collections.abc import Callable

import pytest

from harness.core.messages import message
from harness.core.run_events import RunEnded, RunStarted
from harness.ledger.spool import Request, post
from harness.planning.choice import Choice
from harness.supervisor.finished_job import at_rest
from harness.supervisor.progress_paths import ProgressPaths
from harness.supervisor.progress_writer import ProgressWriter
from harness.supervisor.run_context import RunContext
from tests.simulation.script import Script
from tests.supervisor.conftest import MakeRun


def _accepts(run: RunContext) -> None:
    """Something that is not in the merged file."""
    run.ledger.db.execute("INSERT INTO accepted VALUES(1, 'i0', 1, 9, 'sha', 0, 1, 1)")


def _edits(run: RunContext) -> None:
    path = ProgressPaths.of(run.job).progress
    path.write_text(path.read_text().replace('"finished"', '"processing"'))


CHANGES: dict[str, Callable[[RunContext], object]] = {
    "accepted since": _accepts,
    "progress gone": lambda run: ProgressPaths.of(run.job).progress.unlink(),
    "progress edited": _edits,
    "asked for": lambda run: post(run.job.home.control, Request("retry", "anna")),
    "another run": lambda run: run.ledger.record(RunStarted(1, "host", "0", 1, None, "off", "none")),
    "stopped": lambda run: run.ledger.record(RunEnded(3, why=message("stopped_by", who="anna"))),
}


@pytest.fixture
def finished(a_run: MakeRun) -> RunContext:
    run = a_run(Script(items=0))
    run.ledger.record(RunStarted(1, "host", "0", 1, None, "off", "none"), RunEnded(0, why=message("nothing_left")))
    ProgressWriter(ProgressPaths.of(run.job).progress, run.ledger, run.clock).write_now()
    return run


def test_a_finished_job_is_at_rest(finished: RunContext) -> None:
    ended = at_rest(finished.job, finished.ledger, Choice())
    assert ended is not None and (ended.exit_code, ended.message.kind) == (0, "finished")


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_not_as_it_was_left_ends_the_rest(finished: RunContext, change: str) -> None:
    CHANGES[change](finished)
    assert at_rest(finished.job, finished.ledger, Choice()) is None
