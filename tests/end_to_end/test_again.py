"""The same command again: while it runs, after the end, after a change; and targets that somebody else wrote."""

import json

from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import WORKER, Job, until

SLOW_ONCE = WORKER.replace(
    "items = json.load",
    "import time\nif os.environ['HARNESS_ATTEMPT'] == '2': time.sleep(100000)\nitems = json.load",
)
"""Does its work well, but its second attempt takes for ever."""


def change(job: Job, file: str, old: str, new: str) -> None:
    path = job.folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_a_second_launch_of_a_running_job_is_refused(programs: MakeJob) -> None:
    job = programs(SLOW_ONCE, 3)
    running = job.begin()
    until(lambda: running.is_over() or job.count("ItemAccepted") == 2, "two items done, one attempt that goes on")
    second = job.play()
    assert second.code == 5 and "another supervisor holds this job" in second.err, second.all
    assert "harness status" in second.err and "harness cancel" in second.err
    assert not running.is_over() and job.count("RunStarted") == 1
    assert job.ask("cancel", "--now").code == 0
    assert running.end().code in (3, 130)
    assert job.play().code == 0
    job.assert_laws_hold()


def test_C13_a_finished_job_does_nothing(small: MakeJob, programs: MakeJob) -> None:
    for job, code in ((small("plain", 2), 0), (programs("", 2, strikes=1), 1)):
        first = job.play()
        assert first.code == code, first.all
        merged, requests, attempts = job.merged(), len(job.record().requests), job.count("AttemptStarted")
        again = job.play()
        assert again.code == code, again.all
        assert job.merged() == merged
        assert (len(job.record().requests), job.count("AttemptStarted")) == (requests, attempts)
        job.assert_laws_hold(strikes=1 if code else 3)


def test_a_changed_item_is_refused_with_the_difference_until_the_user_says_keep(programs: MakeJob) -> None:
    job = programs(WORKER, 3)
    assert job.play("--first", "1").code == 0
    change(job, "items.json", "word 2", "another word")
    refused = job.play()
    assert refused.code == 2 and "item 'i02' was edited" in refused.err, refused.all
    assert "--keep" in refused.err and "--reset" in refused.err
    assert job.count("AttemptStarted") == 1
    kept = job.play("--keep")
    assert kept.code == 0, kept.all
    texts = {record["id"]: record["text"] for record in json.loads(job.merged()["all.json"])}
    assert texts["i02"] == "about another word", "an item that has not begun takes its row of today"
    job.assert_laws_hold()


def test_a_changed_program_is_refused_with_the_difference(programs: MakeJob) -> None:
    job = programs(WORKER, 2)
    assert job.play("--only", "i01").code == 0
    change(job, "job.yaml", "python3", "/usr/bin/python3")
    refused = job.play()
    assert refused.code == 2 and "session.command" in refused.err and "has changed since it was planned" in refused.err
    assert job.count("AttemptStarted") == 1
    assert job.play("--keep").code == 0
    job.assert_laws_hold()


def test_a_changed_prompt_starts_a_rehearsal_anew(small: MakeJob) -> None:
    job = small("plain", 2)
    assert job.play("--only", "i01").code == 0
    change(job, "job.yaml", "Say something", "Say nothing")
    said = job.play()
    assert said.code == 0, said.all
    assert "the job has changed (session.prompt has changed)" in said.err
    assert job.count("AttemptStarted") == 2
    job.assert_laws_hold()


def test_reset_starts_anew_and_keeps_everything_in_a_backup(programs: MakeJob) -> None:
    job = programs(WORKER, 2)
    assert job.play().code == 0
    ledger, merged = (job.state / "ledger.db").stat().st_size, job.merged()
    change(job, "items.json", "word 2", "another word")
    said = job.play("--reset")
    assert said.code == 0, said.all
    (backup,) = [path for path in job.state.parent.iterdir() if ".backup-" in path.name]
    assert str(backup.name) in said.err
    assert (backup / "ledger.db").stat().st_size >= ledger > 0
    kept = backup / "outputs-before-reset" / "output" / "all.json"
    assert kept.read_bytes() == merged["all.json"] != job.merged()["all.json"]
    assert len(list((backup / "attempts").iterdir())) == 2
    job.assert_laws_hold()


def test_first_and_only_leave_the_rest_for_later(programs: MakeJob) -> None:
    job = programs(WORKER, 5)
    assert job.play("--first", "2").code == 0
    assert [record["id"] for record in json.loads(job.merged()["all.json"])] == ["i01", "i02"]
    assert job.play("--only", "i05").code == 0
    assert [record["id"] for record in json.loads(job.merged()["all.json"])] == ["i01", "i02", "i05"]
    unknown = job.play("--only", "i99")
    assert unknown.code == 2 and "i99" in unknown.err
    assert job.play().code == 0
    assert job.status()["counts"]["done"] == 5 and job.count("AttemptStarted") == 5
    job.assert_laws_hold()


def test_a_merged_file_edited_by_hand_is_kept_beside_the_next_one(programs: MakeJob) -> None:
    job = programs(WORKER, 3)
    assert job.play("--first", "2").code == 0
    target = job.folder / "output" / "all.json"
    target.write_text("[my own words]")
    assert job.play().code == 0
    assert target.with_name("all.json.edited-1").read_text() == "[my own words]"
    assert [record["id"] for record in json.loads(target.read_bytes())] == ["i01", "i02", "i03"]
    for said in (job.ask("log"), job.ask("report")):
        assert "kept as all.json.edited-1" in said.out.replace("\\", ""), said.all
    job.assert_laws_hold()


def test_a_file_that_the_job_did_not_write_is_never_overwritten(programs: MakeJob) -> None:
    job = programs(WORKER, 2)
    target = job.folder / "output" / "all.json"
    target.parent.mkdir()
    target.write_text("somebody else's")
    refused = job.play()
    assert refused.code == 2 and "is there already, and this job did not write it" in refused.err, refused.all
    assert target.read_text() == "somebody else's" and not job.count("JobPlanned")


def test_a_lost_merge_is_made_again(programs: MakeJob) -> None:
    job = programs(WORKER, 2)
    assert job.play().code == 0
    merged = job.merged()
    (job.folder / "output" / "all.json").unlink()
    assert job.play().code == 0
    assert job.merged() == merged and job.count("AttemptStarted") == 2
