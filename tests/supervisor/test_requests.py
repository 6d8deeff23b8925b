"""Laws of what people ask of a run: it is in the ledger before it is forgotten."""

import errno
from typing import Any

import pytest

from harness.base.ids import ItemId
from harness.core.events import AttemptEnded, AttemptStarted, ItemAccepted
from harness.ledger import spool
from harness.ledger.entry_queries import last_seq
from harness.ledger.past_attempts import acceptance
from harness.ledger.spool import Request, post
from harness.supervisor.inbox import Inbox
from harness.supervisor.requests import Requests
from harness.supervisor.stopping import Stopping
from tests.supervisor.conftest import MakeRun


@pytest.mark.parametrize("is_seen", [True, False])
def test_only_an_acceptance_that_the_person_has_seen_is_taken_back(a_run: MakeRun, is_seen: bool) -> None:
    run = a_run()
    folder = "attempts/000001-p1-b1"
    run.ledger.record(AttemptStarted(1, "t", 1, 1, 1, 0, ("i0",), "s", "claude", None, "p", 0, folder))
    seen = last_seq(run.ledger.db)
    run.ledger.record(ItemAccepted(1, 1, "i0", "sha", 0, 1, 1))
    run.ledger.record(AttemptEnded(1, "succeeded", None, None, "", 0.1, "s", None, None))
    post(run.job.home.control, Request("reject", "anna", ("i0",), phase=1, seen=seen + is_seen))
    assert Requests(run.job.home.control, run.ledger).take(Stopping(run, Inbox())) == {1}
    assert (acceptance(run.ledger.db, 1, ItemId("i0")) is None) is is_seen


def test_a_request_is_recorded_before_it_is_removed(a_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run()
    control, stopping = run.job.home.control, Stopping(run, Inbox())
    requests = Requests(control, run.ledger, run.shared_holds)
    post(control, Request("pause", "anna"))

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(type(run.ledger), "record", full)
        requests.take(stopping)
    assert [posted.request.verb for posted in spool.waiting(control)] == ["pause"]
    requests.take(stopping)
    assert spool.waiting(control) == []
