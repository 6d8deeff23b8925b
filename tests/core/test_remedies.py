"""Every fault that only a person can mend comes with what to do."""

from harness.core.faults import TABLE
from harness.core.remedies import remedy


def test_every_fault_that_stops_the_job_has_a_remedy_and_no_other() -> None:
    for row in TABLE:
        assert (remedy(row.kind) is not None) == (row.then == "stop"), row.kind
