"""Laws of the gatekeeper: what it remembers of earlier runs, and when it waits for another job."""

from datetime import timedelta

from harness.core.events import AttemptStarted
from harness.core.messages import message
from harness.ledger.shared_holds import SharedHolds
from harness.supervisor.gatekeeper import Gatekeeper
from harness.supervisor.snapshot import Running
from tests.simulation.script import Script
from tests.simulation.virtual import VirtualClock
from tests.supervisor.conftest import MakeRun

LIMIT = message("provider_fault", fault="usage_limit")
NOTHING_RUNS = Running((), is_led=False, is_rejected=False)


def test_a_job_waits_for_the_probe_of_another_only_while_there_is_a_doubt(a_run: MakeRun) -> None:
    run = a_run()
    assert isinstance(run.clock, VirtualClock)
    gatekeeper, other = Gatekeeper(run), SharedHolds(run.job.folder / "shared", "key", "other")
    other.place(run.clock.now() + timedelta(seconds=10), LIMIT)
    run.clock.elapsed_s += 11
    assert other.may_probe(run.clock.now())
    elsewhere = gatekeeper.probed_elsewhere()
    assert elsewhere is not None and elsewhere.why == "hold"
    other.lift()
    assert gatekeeper.probed_elsewhere() is None, "nobody has to ask any more, though the other still does"


def test_the_rate_counts_the_starts_of_the_run_before(a_run: MakeRun) -> None:
    run = a_run(Script(items=3, rate=(1, 3600.0)))
    gatekeeper = Gatekeeper(run)
    gatekeeper.begin()
    assert gatekeeper.snapshot(NOTHING_RUNS, None, None).closed is None
    started = AttemptStarted(1, "t", 1, 1, 1, 0, ("i0",), "s", "claude", None, "p", 0, "attempts/000001-p1-b1")
    run.ledger.record(started)
    gatekeeper = Gatekeeper(run)
    gatekeeper.begin()
    closed = gatekeeper.snapshot(NOTHING_RUNS, None, None).closed
    assert closed is not None and (closed.why, closed.until) == ("rate", run.clock.now() + timedelta(hours=1))


def test_a_run_that_begins_under_a_hold_probes_first(a_run: MakeRun) -> None:
    run = a_run(Script(parallel=4))
    SharedHolds(run.job.folder / "shared", "key", "other").place(run.clock.now() + timedelta(hours=1), LIMIT)
    gatekeeper = Gatekeeper(run)
    gatekeeper.begin()
    assert (gatekeeper.gate.allowed, gatekeeper.gate.probing) == (1, True)
