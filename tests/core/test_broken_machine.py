"""When a run gives up on the machine it is on."""

from harness.core.advance import BREAKDOWNS, Ended, broken_machine
from harness.core.messages import message


def one_by_one(number: int) -> list[Ended]:
    """Breakdowns that followed each other, newest first."""
    return [Ended(2 * at, 2 * at + 1, True, "killed") for at in reversed(range(number))]


def test_ten_breakdowns_one_after_the_other_are_enough_and_nine_are_not() -> None:
    assert broken_machine(one_by_one(BREAKDOWNS - 1)) is None
    assert broken_machine(one_by_one(BREAKDOWNS)) == message("host_broken", sessions=BREAKDOWNS, detail="killed")


def test_sessions_that_were_lost_together_count_once() -> None:
    together = [Ended(at, 1000 + at, True, "killed") for at in reversed(range(250))]
    assert broken_machine(together) is None


def test_one_session_that_ended_otherwise_is_reason_to_go_on() -> None:
    ended = one_by_one(BREAKDOWNS)
    well = Ended(ended[-1].started_seq, ended[-1].ended_seq, False, "")
    assert broken_machine([*ended[:-1], well, *one_by_one(3)]) is None
