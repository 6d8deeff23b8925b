"""Why a run ended, as recorded, against what has happened in the simulated world."""

from decimal import Decimal

from harness.core import run_events as r
from harness.core.message_kinds import StopKind
from harness.core.money import to_micro
from harness.job.job import Job
from harness.supervisor.outcome import Finished
from tests.simulation.script import Script
from tests.simulation.watcher import Watcher

OUT_OF_MONEY: tuple[StopKind, ...] = ("budget", "cap_sessions", "cap_turns", "cap_tokens")
LATE: tuple[StopKind, ...] = ("deadline", "opens_after_deadline", "opens_too_late")
AT_A_PHASE: tuple[StopKind, ...] = ("until_settled", "until_waits")
BY_CODE: dict[int, tuple[StopKind, ...]] = {
    0: ("finished",),
    1: ("finished",),
    3: (*OUT_OF_MONEY, *LATE, *AT_A_PHASE, "stopped_by", "pilot_failed"),
    4: ("setup_broken", "host_broken", "nothing_accepted", "groups_failed", "tool_denied", "prompt_broken"),
    130: ("stopped_by", "deadline"),
}
"""Exit code -> what may be recorded beside it."""


def check_stop(job: Job, script: Script, watcher: Watcher, ended: r.RunEnded, finished: Finished) -> None:
    """V26: the stop that is recorded is the one that took place."""
    why = finished.message
    assert ended.message == why and ended.exit_code == finished.exit_code, f"V26: recorded is {ended}"
    assert why.kind in BY_CODE[finished.exit_code], f"V26: {why.kind} beside exit code {finished.exit_code}"
    is_bound = why.kind in OUT_OF_MONEY
    assert not is_bound or job.budget is not None or job.bounds.caps.sessions, f"V26: {why.kind} without a bound"
    if finished.exit_code == 3 and not is_bound and why.kind not in (*AT_A_PHASE, "opens_too_late"):
        assert watcher.stop_asked or script.deadline_s or script.pilot, f"V26: {why.kind}, and nobody asked for it"
    match why.kind:
        case "budget":
            budget, needed = to_micro(job.budget or Decimal(0)), why.facts["needed_microusd"]
            assert why.facts["budget_microusd"] == budget, "V26: another budget"
            assert watcher.spent + needed > budget, "V26: the budget could have paid for another session"
        case "cap_sessions":
            assert len(watcher.attempts) >= why.facts["cap"], "V26: the cap on sessions was not reached"
        case "stopped_by":
            assert why.facts["who"] == "a person", "V26: nobody of this name asked"
        case "opens_too_late":
            assert script.deadline_s is None, "V26: with a deadline, the wait is as long as that allows"
        case "deadline":
            assert script.deadline_s is not None, "V26: a deadline that nobody has set"
        case _:
            pass
