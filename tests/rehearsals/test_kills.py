"""Acceptance 3: SIGKILL of the supervisor at any moment costs nothing that was accepted, and leaves nothing behind."""

import random

from tests.rehearsals.conftest import MakeJob
from tests.rehearsals.killing import SIGNS, Kills, play_killed
from tests.rehearsals.playing import course_verdicts


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
