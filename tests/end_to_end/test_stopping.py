"""Acceptance 4: runs are ended, paused and mended from other terminals, and by signals; what was done stays done."""

import signal

import pytest

from tests.covers import covers
from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import GATED_WORKER, WORKER, Job, Running, until

PATIENT = {"timeout": "30m", "silence": "none", "first_event": "none", "idle_after_output": "20m"}
"""Clocks that do not end a hanging session within any test: whoever ends it, it was not a clock."""


def hanging(small: MakeJob, grace: str) -> tuple[Job, Running]:
    """A job whose third item hangs: the others are done, its session lives on. Running when this returns."""
    job = small("hanging", 4, vars={"hang": ["i03"]}, grace=grace, rehearsal={"scene": "scene.py", "session": PATIENT})
    running = job.begin()
    until(lambda: running.is_over() or job.count("ItemAccepted") == 3, "three items done")
    until(lambda: running.is_over() or _hangs(job), "a hanging session")
    assert not running.is_over(), running.end().all
    assert job.sessions()
    return job, running


def _hangs(job: Job) -> bool:
    return any(asked.fault == "hang" for asked in job.record().requests)


def assert_resumes_to_the_same_bytes(job: Job, untouched: dict[str, bytes]) -> None:
    assert not job.sessions(), "a session outlived its run"
    assert job.count("ItemStruck") == 0, "a stop is nobody's strike"
    said = job.play()
    assert said.code == 0, said.all
    assert job.merged() == untouched
    assert job.count("AttemptStarted", items=["i03"]) == 2, "only what was not done is done again"
    assert job.count("AttemptStarted") == 5
    job.assert_laws_hold()


@covers("F84")
def test_cancel_from_another_terminal_ends_the_run_within_the_grace(
    small: MakeJob, untouched: dict[str, bytes]
) -> None:
    job, running = hanging(small, "1s")
    said = job.ask("cancel")
    assert said.code == 0 and "stopping" in said.err, said.all
    ended = running.end()
    assert ended.code == 3, ended.all
    (attempt,) = [entry for entry in job.record().of("AttemptEnded") if entry["fault"]]
    assert (attempt["fault"], attempt["blame"]) == ("cancelled", "operator")
    status = job.status()
    assert status["state"] == "stopped" and status["counts"]["pending"] == 1
    assert_resumes_to_the_same_bytes(job, untouched)


def test_a_second_cancel_says_that_it_gives_no_grace(small: MakeJob, untouched: dict[str, bytes]) -> None:
    job, running = hanging(small, "30m")
    assert "may finish within `grace`" in job.ask("cancel").err
    again = job.ask("cancel")
    assert "asked a second time, so running sessions are terminated now" in again.err, again.all
    assert running.end().code == 130
    assert_resumes_to_the_same_bytes(job, untouched)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_C02_C03_a_second_signal_ends_the_run_at_once(
    small: MakeJob, untouched: dict[str, bytes], number: signal.Signals, code: int
) -> None:
    job, running = hanging(small, "30m")
    running.signal(number)
    until(lambda: running.is_over() or job.has("CancelAsked"), "the first signal to be taken")
    assert not running.is_over() and job.sessions(), "the first signal gives sessions the grace"
    running.signal(number)
    ended = running.end()
    assert ended.code == code, ended.all
    (attempt,) = [entry for entry in job.record().of("AttemptEnded") if entry["fault"]]
    assert (attempt["fault"], attempt["blame"]) == ("cut_off", "operator")
    assert_resumes_to_the_same_bytes(job, untouched)


def test_a_stop_after_which_everything_turns_out_done_is_a_finished_job(programs: MakeJob) -> None:
    job = programs(GATED_WORKER, 1, grace="30m")
    running = job.begin()
    until(lambda: running.is_over() or job.has("AttemptStarted"), "the first attempt")
    running.signal(signal.SIGINT)
    until(lambda: running.is_over() or job.has("CancelAsked"), "the signal to be taken")
    (job.folder / "gate.txt").write_text("go on")
    ended = running.end()
    assert ended.code == 0, ended.all
    assert "stopping: 1 session has 30m 00s of grace left; Ctrl-C again ends it now" in ended.err
    assert job.status()["state"] == "finished"
    job.assert_laws_hold()


def test_who_goes_ahead_while_others_wait_is_said(small: MakeJob) -> None:
    said = small("plain", 3, parallel=3).play()
    assert said.code == 0, said.all
    lines = [line for line in said.err.splitlines() if "started, attempt" in line]
    assert [line.endswith("attempt 1; others start after its first response") for line in lines] == [
        True, False, False,
    ]  # fmt: skip


def test_cancel_now_gives_no_grace(small: MakeJob, untouched: dict[str, bytes]) -> None:
    job, running = hanging(small, "30m")
    assert job.ask("cancel", "--now").code == 0
    assert running.end().code in (3, 130)
    assert_resumes_to_the_same_bytes(job, untouched)


HANGING_CHECK = """
def check(items, records, context):
    with open(__file__ + ".asked", "a") as asked:
        asked.write("x")
    while True:
        pass
"""


def test_a_check_that_hangs_does_not_hold_up_the_second_signal_and_what_it_saw_is_judged_later(
    programs: MakeJob,
) -> None:
    output = {"fields": {"id": "string"}, "check": [{"python": "checks.py:check", "allow": "write"}]}
    job = programs(WORKER, 3, parallel=3, output=output | {"merge": "output/all.json"})
    (job.folder / "checks.py").write_text(HANGING_CHECK)
    running = job.begin()
    until(lambda: running.is_over() or (job.folder / "checks.py.asked").exists(), "the check to hang")
    until(lambda: running.is_over() or (job.count("AttemptStarted") == 3 and not job.sessions()), "all to wait for it")
    for _ in range(2):
        running.signal(signal.SIGINT)
        until(lambda: running.is_over() or job.has("CancelAsked"), "the first signal to be taken")
    ended = running.end()
    assert ended.code == 130, ended.all
    assert (job.folder / "checks.py.asked").read_text() == "x", "it was run once"
    assert not job.has("AttemptEnded"), "nothing was concluded from a check that was ended"
    assert job.status()["counts"]["pending"] == 3

    (job.folder / "checks.py").write_text("def check(items, records, context):\n    return {}\n")
    said = job.play("--keep")
    assert said.code == 0, said.all
    assert job.count("AttemptStarted") == 3, "no session was run twice"
    assert job.count("ItemAccepted") == 3
    job.assert_laws_hold()


def test_pause_lets_sessions_end_and_starts_nothing_until_resume(small: MakeJob) -> None:
    job, running = hanging(small, "1s")
    now = job.status()
    assert now["state"] == "running" and now["counts"]["running"] == 1
    job.ask("cancel")
    running.end()

    assert "queued for the next" in job.ask("pause").err, "nobody runs: a pause waits for the next launch"
    starts, requests = job.count("AttemptStarted"), len(job.record().requests)
    running = job.begin()
    until(lambda: running.is_over() or job.status()["state"] == "paused", "the pause")
    assert not running.is_over() and job.count("AttemptStarted") == starts
    assert job.ask("resume").code == 0
    assert running.end().code == 0
    assert len(job.record().requests) > requests
    (paused, resumed) = job.record().of("Paused", "Resumed")
    assert not [entry for entry in job.record().of("AttemptStarted") if paused.seq < entry.seq < resumed.seq]
    job.assert_laws_hold()


def test_a_pause_while_it_runs_lets_sessions_end_and_holds_back_every_new_start(programs: MakeJob) -> None:
    job = programs(GATED_WORKER, 3, parallel=1)
    running = job.begin()
    until(lambda: running.is_over() or job.has("AttemptStarted"), "the first attempt")
    said = job.ask("pause")
    assert said.code == 0 and "paused" in said.err, said.all
    assert job.status()["state"] == "paused" and job.status()["counts"]["running"] == 1, "running sessions go on"
    (job.folder / "gate.txt").write_text("go on")
    until(lambda: running.is_over() or job.has("ItemAccepted"), "the end of the session that ran")
    status = job.status()
    assert (status["state"], status["counts"]["running"], status["counts"]["pending"]) == ("paused", 0, 2)
    assert not running.is_over() and job.count("AttemptStarted") == 1
    assert job.ask("resume").code == 0
    assert running.end().code == 0
    (paused, resumed) = job.record().of("Paused", "Resumed")
    assert not [entry for entry in job.record().of("AttemptStarted") if paused.seq < entry.seq < resumed.seq]
    job.assert_laws_hold()


def test_a_failed_item_is_retried_while_the_job_runs_and_when_nothing_does_and_why_tells_its_story(
    small: MakeJob,
) -> None:
    """It fails with two strikes, is retried while another hangs, fails again, and is retried once the run is over."""
    clocks = {"scene": "scene.py", "session": PATIENT}
    job = small("mended_by_hand", 3, vars={"wrong": 4, "hang": True}, strikes=2, grace="1s", rehearsal=clocks)
    running = job.begin()
    failed = until(lambda: running.is_over() or job.count("ItemFailed"), "a failed item")
    assert failed == 1 and not running.is_over()
    assert [(each["id"], each["attempts"]) for each in job.status()["failed"]] == [("i01", 2)]
    assert "no record was returned" in job.ask("why", "i01").out or "missing" in job.ask("why", "i01").out
    said = job.ask("retry", "i01")
    assert said.code == 0 and "i01" in said.err, said.all
    until(lambda: running.is_over() or job.count("ItemFailed", item="i01") == 2, "the retried item")
    assert job.count("ItemReopened", item="i01") == 1
    assert not running.is_over(), "the other item still hangs"
    job.ask("cancel")
    assert running.end().code == 3

    status = job.status()
    assert (status["counts"]["failed"], status["counts"]["done"]) == (1, 1)
    assert job.ask("why", "i01").code == 0
    assert "queued for the next" in job.ask("retry", "--failed").err
    said = job.play()
    assert said.code == 0, said.all
    assert job.count("ItemReopened", item="i01") == 2 and job.status()["counts"]["done"] == 3
    assert job.count("AttemptStarted", items=["i01"]) == 2 + 2 + 1
    job.assert_laws_hold(strikes=2)
