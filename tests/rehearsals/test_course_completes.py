"""Acceptance 2: the course, with the faults that real sessions have made, ends whole, the same whoever does it."""

from collections import Counter

from tests.rehearsals.conftest import MakeJob
from tests.rehearsals.playing import course_verdicts


def test_the_course_completes_with_its_faults_healed(course: MakeJob) -> None:
    job = course("course.yaml", 20)
    said = job.play()
    assert said.code == 0, said.all
    assert course_verdicts(job) == []
    job.assert_laws_hold()
    troubles = Counter(asked.trouble for asked in job.record().requests if asked.trouble)
    assert troubles["half_file"] and job.count("ItemStruck") == 1, "the scene's faults have not been met"


def test_the_merge_is_the_same_bytes_on_claude_and_on_command_and_one_by_one(course: MakeJob) -> None:
    on_claude, on_command = course("course.yaml", 20), course("course-command.yaml", 20)
    one_by_one = course("course.yaml", 20, "parallel=1")
    for job in (on_claude, on_command, one_by_one):
        said = job.play()
        assert said.code == 0, said.all
    assert on_claude.merged() == on_command.merged() == one_by_one.merged()
    assert len(on_claude.merged()) == 3


def test_all_668_seeds_go_through_three_phases(course: MakeJob) -> None:
    job = course("course-command.yaml", 668)
    said = job.play()
    assert said.code == 0, said.all
    assert course_verdicts(job) == []
    job.assert_laws_hold()
    planned = [entry for entry in job.record().of("BatchPlanned") if entry["phase"] == 1]
    assert len(planned) == 34 and [planned[-1]["items"][0], planned[-1]["items"][-1]] == ["S0661", "S0668"]
