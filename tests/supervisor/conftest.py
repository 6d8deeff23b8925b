"""What a run works with, for parts of the supervisor alone: a planned job, its ledger, virtual time, no sessions."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from harness.base.artifacts import ArtifactStore
from harness.base.files import make_folder
from harness.base.ids import ItemId
from harness.core.types import Item
from harness.ledger.shared_holds import SharedHolds
from harness.ledger.store import Ledger
from harness.planning.job_plan import plan_job
from harness.supervisor.duplicate_ids import DuplicateIds
from harness.supervisor.run_context import RunContext
from tests.simulation.building import job_of
from tests.simulation.script import Script
from tests.simulation.virtual import VirtualClock

MakeRun = Callable[..., RunContext]


@pytest.fixture
def a_run(tmp_path: Path) -> Iterator[MakeRun]:
    """A run of the job that a script describes."""
    with ExitStack() as stack:

        def make(script: Script | None = None) -> RunContext:
            script = script or Script()
            job, clock = job_of(script, tmp_path), VirtualClock()
            for folder in (job.state, job.home.control, job.home.artifacts):
                make_folder(folder)
            ledger = stack.enter_context(Ledger.open(job.home.ledger, clock, durable=False))
            plan_job(job, ledger, [Item(ItemId(f"i{number}"), {}) for number in range(script.items)], {})
            store, nobody = ArtifactStore(job.home.artifacts, ledger.contents), cast(Any, None)
            holds = SharedHolds(tmp_path / "shared", "key", "one")
            return RunContext(job, ledger, store, clock, nobody, DuplicateIds(job, ledger), nobody, holds)

        yield make
