"""When a run gives up on the machine it is on, and when on its own set-up."""

from dataclasses import replace

from harness.core.advance import BREAKDOWNS, FRUITLESS, EndedAttempt, Tail, broken_machine, broken_setup
from harness.core.messages import message

WHY = '[{"kind": "killed", "facts": {"signal": 9}}]'


def one_by_one(number: int) -> list[EndedAttempt]:
    """Breakdowns that followed each other, newest first."""
    return [EndedAttempt(2 * at, 2 * at + 1, True, "killed", WHY) for at in reversed(range(number))]


def test_ten_breakdowns_one_after_the_other_are_enough_and_nine_are_not() -> None:
    assert broken_machine(one_by_one(BREAKDOWNS - 1)) is None
    stop = message("host_broken", sessions=BREAKDOWNS, fault="killed", why=[{"kind": "killed", "facts": {"signal": 9}}])
    assert broken_machine(one_by_one(BREAKDOWNS)) == stop


def test_sessions_that_were_lost_together_count_once() -> None:
    together = [EndedAttempt(at, 1000 + at, True, "killed", WHY) for at in reversed(range(250))]
    assert broken_machine(together) is None


def test_one_session_that_ended_otherwise_is_reason_to_go_on() -> None:
    ended = one_by_one(BREAKDOWNS)
    well = EndedAttempt(ended[-1].started_seq, ended[-1].ended_seq, False, None, "[]")
    assert broken_machine([*ended[:-1], well, *one_by_one(3)]) is None


def fruitless(sessions: int, denied: str = "") -> Tail:
    """Sessions of as many groups that left nothing usable."""
    return Tail(["failed"] * sessions, [f"group {at}" for at in range(sessions)], [denied] * sessions)


def test_ten_groups_in_a_row_that_left_nothing_are_enough_and_nine_are_not() -> None:
    assert broken_setup(fruitless(FRUITLESS - 1)) is None
    assert broken_setup(fruitless(FRUITLESS)) == message("groups_failed", groups=FRUITLESS)


def test_one_group_that_fails_again_and_again_and_one_that_brought_something_are_no_sign() -> None:
    failed = fruitless(FRUITLESS)
    assert broken_setup(replace(failed, groups=["one"] * FRUITLESS)) is None
    assert broken_setup(replace(failed, outcomes=["partial", *failed.outcomes[1:]])) is None


def test_the_same_denial_in_three_groups_is_enough_and_no_denial_is_none() -> None:
    assert broken_setup(fruitless(3, "Bash")) == message("tool_denied", tool="Bash", sessions=3)
    assert broken_setup(fruitless(2, "Bash")) is None
    assert broken_setup(fruitless(3)) is None
    assert broken_setup(replace(fruitless(3, "Bash"), groups=["one", "one", "two"])) is None
    assert broken_setup(replace(fruitless(3), denials=["Bash", "Bash", "WebFetch"])) is None
