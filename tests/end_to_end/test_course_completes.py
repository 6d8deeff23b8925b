"""Acceptance 2: the course, with the faults that real sessions have made, ends whole, the same whoever does it."""

from collections import Counter

from tests.covers import covers
from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import course_verdicts


@covers("F171", "F199", "F200", "F201", "F208", "A80")
def test_C14_the_course_completes_with_its_faults_healed_the_same_on_claude_on_command_and_one_by_one(
    course: MakeJob,
) -> None:
    jobs = [course("course.yaml", 20), course("course.yaml", 20, "parallel=1"), course("course-command.yaml", 20)]
    for job in jobs:
        said = job.play()
        assert said.code == 0, said.all
        assert course_verdicts(job) == []
        job.assert_laws_hold()
    on_claude, one_by_one, on_command = jobs
    faults = Counter(asked.fault for asked in on_claude.record().requests if asked.fault)
    assert faults["half_file"] and on_claude.count("ItemStruck") == 1, "the scene's faults have not been met"
    assert on_claude.merged() == one_by_one.merged() == on_command.merged()
    assert len(on_claude.merged()) == 3


@covers("F167", "F168", "F171", "F172", "F194", "F209")
def test_all_668_seeds_go_through_three_phases(course: MakeJob) -> None:
    job = course("course-command.yaml", 668)
    said = job.play()
    assert said.code == 0, said.all
    assert course_verdicts(job) == []
    job.assert_laws_hold()
    planned = [entry for entry in job.record().of("BatchPlanned") if entry["phase"] == 1]
    assert len(planned) == 34 and [planned[-1]["items"][0], planned[-1]["items"][-1]] == ["S0661", "S0668"]
