"""Every fault that only a person can mend comes with what to do."""

from harness.core.fault_kinds import FaultKind
from harness.core.faults import TABLE
from harness.views.remedies import remedy


def test_every_fault_that_stops_the_job_has_a_remedy_and_no_other() -> None:
    for row in TABLE:
        assert (remedy(row.kind) is not None) == (row.then == "stop"), row.kind


def test_the_commands_of_a_remedy_name_the_instance_and_the_rehearsal() -> None:
    told = remedy(FaultKind.BROKEN_CHECK, instance="acme", rehearsal=True)
    assert told is not None and "`harness rejudge --as acme --rehearsal`" in told
