"""Acceptance 3: SIGKILL of the supervisor at any moment costs nothing that was accepted, and leaves nothing behind."""

import random

import pytest

from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.killing import SIGNS, Kills, play_killed
from tests.end_to_end.playing import WORKER, course_verdicts, until, words_of

STUBBORN = (
    "import os, signal, subprocess, time\n"
    "if os.environ['HARNESS_ATTEMPT'] in '12':\n"
    "    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):\n"
    "        signal.signal(number, signal.SIG_IGN)\n"
    "    subprocess.Popen(['sleep', '100000'], start_new_session=True)\n"
    "    time.sleep(100000)\n"
) + WORKER
"""Its first two attempts listen to nobody, have a child in a session of its own, and would never end."""


def test_kills_of_the_real_course_change_no_byte_and_leave_no_session(course: MakeJob) -> None:
    job, untouched, seen = course("course.yaml", 20), course("course-command.yaml", 20), Kills()
    said = play_killed(job, SIGNS, random.Random(20), seen)
    assert said.code == 0, said.all
    assert len(seen.signs) >= 3 and any(seen.alive), f"too little was killed: {seen}"
    assert untouched.play().code == 0
    assert job.merged() == untouched.merged()
    assert course_verdicts(job) == []
    job.assert_laws_hold()


def test_kills_of_a_hundred_seeds_change_no_byte(course: MakeJob) -> None:
    job, untouched, seen = course("course-command.yaml", 100), course("course-command.yaml", 100, "parallel=1"), Kills()
    said = play_killed(job, ("attempt", "accepted", "run", "accepted", "attempt"), random.Random(100), seen)
    assert said.code == 0, said.all
    assert len(seen.signs) == 5 and any(seen.alive), f"too little was killed: {seen}"
    assert untouched.play().code == 0
    assert job.merged() == untouched.merged()
    job.assert_laws_hold()


def test_C04_kills_in_the_moment_of_a_start_leave_no_session(course: MakeJob) -> None:
    """No sandbox holds a session that is just being started. How long it takes is measured by `tests.soak starts`."""
    job, seen = course("course-command.yaml", 100, "budget=$2000", "budget_per_session=$1"), Kills()
    said = play_killed(job, ("attempt",) * 8, random.Random(9), seen, longest_s=0.03)
    assert said.code == 0, said.all
    assert len(seen.signs) == 8 and max(seen.gone_after_s) < _MERCY_S, seen


_MERCY_S = 10
"""A session that nobody ends would run for a minute."""


def _sleepers(pids: list[int]) -> list[int]:
    return [pid for pid in pids if words_of(pid)[:2] == ["sleep", "100000"]]


@pytest.mark.parametrize("sandbox", ["bubblewrap", "permissions", "off"])
def test_sessions_that_listen_to_nobody_end_with_their_supervisor(programs: MakeJob, sandbox: str) -> None:
    job = programs(STUBBORN, 3, sandbox=sandbox)
    running = job.begin()
    until(lambda: running.is_over() or len(_sleepers(job.sessions())) == 2, "two stubborn sessions with a child each")
    assert not running.is_over(), running.end().all
    running.kill()
    until(lambda: not job.sessions(), "sessions to end with their supervisor", 60)
    said = job.play()
    assert said.code == 0, said.all
    assert job.count("ItemStruck") == 0
    job.assert_laws_hold()
