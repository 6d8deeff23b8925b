"""Laws of a stop: what comes into the inbox, and when."""

import asyncio
from datetime import timedelta

from harness.core.messages import message
from harness.supervisor.inbox import Due, Inbox, StopAsked
from harness.supervisor.run_context import RunContext
from harness.supervisor.stopping import Stopping
from tests.simulation.virtual import VirtualClock
from tests.supervisor.conftest import MakeRun

ASKED = StopAsked(message("stopped_by", who="anna"))


def _received(run: RunContext, *asked: StopAsked, waits_s: float, ends: bool = False) -> list[str]:
    """What is due within `waits_s` seconds after these requests."""
    inbox = Inbox()
    assert isinstance(run.clock, VirtualClock)

    async def ask() -> None:
        stopping = Stopping(run, inbox)
        for each in asked:
            stopping.ask(each)
        if ends:
            stopping.end()
        await asyncio.sleep(waits_s)

    run.clock.run(ask)
    return [received.what for received in iter(inbox.take, None) if isinstance(received, Due)]


def test_sessions_are_interrupted_when_their_grace_is_over_and_not_before(a_run: MakeRun) -> None:
    run = a_run()
    assert run.job.grace == timedelta(seconds=30)
    assert _received(run, ASKED, waits_s=29) == []
    assert _received(run, ASKED, waits_s=31) == ["interrupt"]


def test_who_asks_twice_ends_the_sessions_and_who_asks_three_times_the_judging(a_run: MakeRun) -> None:
    run = a_run()
    assert _received(run, ASKED, ASKED, waits_s=1) == ["terminate"]
    assert _received(run, ASKED, ASKED, waits_s=3) == ["terminate", "halt_judging"]
    assert _received(run, ASKED, ASKED, ASKED, waits_s=1) == ["terminate", "terminate", "halt_judging"]


def test_nothing_is_due_any_more_when_the_run_has_ended(a_run: MakeRun) -> None:
    assert _received(a_run(), ASKED, waits_s=60, ends=True) == []
