"""From the first look to the report: every command on a job of a program, as a person types them."""

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import count
from tests.covers import covers

if TYPE_CHECKING:
    from tests.cli.conftest import Desk


def test_check_tells_what_it_found_and_starts_nothing(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"})
    said = desk.types("check", "--only", "plan")
    assert said.code == 0
    assert "2 numbers from items.jsonl: 1, 2" in said.out
    assert "checks: jq, merged into output/job.json" in said.out
    assert "job.yaml is ready" in said.err
    assert not (desk.folder / ".harness").exists()


def test_plan_tells_what_would_run_and_why(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "bad"})
    new = desk.types("plan")
    assert new.code == 0
    assert "1 number: 1 (not tried yet)" in new.out
    assert "their usage.json is charged; no budget is set" in new.out
    assert not (desk.folder / ".harness").exists()
    assert desk.types("launch").code == 1
    assert "Numbers: nothing is left to run" in desk.types("plan").out
    assert desk.types("retry", "2").code == 0
    listed = desk.types("plan", "--json").json()
    assert listed["groups"] == []


def test_plan_shows_the_first_prompt_with_its_contract(desk: "Desk") -> None:
    desk.job({"1": "good"})
    said = desk.types("plan", "--prompt")
    assert said.code == 0
    assert "count them" in said.out
    assert "/output.json" in said.out
    assert not (desk.folder / ".harness").exists()


def test_a_job_from_launch_to_report(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "mended", "3": "bad"})
    launched = desk.types("launch")
    assert launched.code == 1
    assert "Numbers: finished" in launched.out
    assert "2 of 3 numbers done, 1 failed" in launched.out
    assert "Batch 1/3 (1)  accepted" in launched.err
    assert "Batch 2/3 (2)  to retry: n must be positive" in launched.err
    status = desk.types("status", "--json").json()
    assert status["counts"]["done"] == 2
    assert status["failed"][0]["reason"] == "n must be positive"
    assert desk.types("show", "2").json()["phases"][0]["records"] == [{"id": "2", "n": 1}]
    assert desk.types("show", "3").json()["phases"][0]["records"] == []
    why = desk.types("why", "2")
    assert why.out.count("attempt ") >= 2
    assert "rejected, strike: n must be positive" in why.out
    assert json.loads(desk.types("why", "2", "--json").out)["phases"][0]["attempts"][1]["verdict"]["said"] == "accepted"
    assert "failed, no strikes left: n must be positive" in desk.types("log").out
    assert all(json.loads(line)["seq"] for line in desk.types("log", "--json").out.splitlines())
    report = desk.types("report")
    assert report.code == 0
    assert "2 of 3 numbers done, 1 failed." in report.out
    assert (desk.folder / ".harness/job/report/report.xlsx").exists()
    assert "written: .harness/job/report/report.md" in report.err


def test_C13_a_finished_job_does_nothing(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    written = {
        path: path.read_bytes() for path in (desk.folder / "output/job.json", desk.folder / "batch_progress.json")
    }
    entries = count(desk.folder, "%")
    for words in ([], ["--only", "1"], ["--add"], ["--keep"]):
        again = desk.types("launch", *words)
        assert again.code == 0 and "Numbers: finished" in again.out
        assert "started" not in again.err
    assert {path: path.read_bytes() for path in written} == written
    assert count(desk.folder, "%") == entries, "not even a run is recorded"
    (desk.folder / "output/job.json").unlink()
    assert desk.types("launch").code == 0, "what somebody removed is merged again"
    assert (desk.folder / "output/job.json").read_bytes() == written[desk.folder / "output/job.json"]
    assert desk.types("status", "--json").json()["usage"]["sessions"] == 1


def test_first_and_only_look_at_some_items_this_time(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good", "3": "good"})
    first = desk.types("launch", "--first", "1")
    assert first.code == 0
    assert "Numbers: unfinished" in first.out
    assert "not chosen for this run: 2 items (--first, --only, --batch)" in first.out
    assert "Next: `harness launch`" in first.out
    assert desk.types("status", "--json").json()["counts"]["done"] == 1
    pending = desk.types("retry", "3")
    assert pending.code == 2 and "it is pending\n  hint: `harness launch` continues with it" in pending.err
    desk.types("launch", "--only", "3")
    assert desk.types("status", "--json").json()["counts"]["done"] == 2
    assert desk.types("launch").code == 0


def test_a_chosen_run_answers_for_what_was_chosen_alone(desk: "Desk") -> None:
    """Exit code 1 and new sessions are for the items that were named, whatever has failed or is retried besides."""
    desk.job({"1": "good", "2": "bad", "3": "good"})
    desk.has_typed("launch", "--only", "2", code=1)
    assert desk.types("launch", "--only", "1").code == 0
    assert desk.types("launch", "--only", "1").code == 0, "it is done already"
    assert desk.types("retry", "2").code == 0
    sessions = desk.types("status", "--json").json()["usage"]["sessions"]
    chosen = desk.types("launch", "--only", "3")
    assert chosen.code == 0
    assert desk.types("status", "--json").json()["usage"]["sessions"] == sessions + 1, chosen.err
    assert desk.types("launch").code == 1, "the retried one is next"
    assert "Next: `harness retry --failed` or " in desk.types("status").out
    assert desk.types("retry", "2").code == 0
    assert "Next: `harness launch`" in desk.types("status").out


def test_a_changed_job_is_refused_until_it_is_kept_or_reset(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    (desk.folder / "items.jsonl").write_text('{"id": "1", "how": "good", "x": 2}\n')
    refused = desk.types("launch")
    assert refused.code == 2
    assert "item '1' was edited" in refused.err
    assert "--keep" in refused.err
    assert desk.types("launch", "--keep").code == 0
    assert "item '1' was edited" in desk.types("report").out
    reset = desk.types("launch", "--reset")
    assert reset.code == 0
    assert "moved the previous state to .harness/job.backup-" in reset.err
    assert len(list((desk.folder / ".harness").glob("job.backup-*/ledger.db"))) == 1


def test_a_reset_of_a_job_that_could_not_start_moves_nothing(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    (desk.folder / "items.jsonl").write_text("")
    assert desk.types("launch", "--reset").code == 2
    assert (desk.folder / ".harness/job/ledger.db").exists()


PASSED = "the deadline 2020-02-02 07:00 has passed, so nothing could start"


@pytest.mark.parametrize("words", [("launch",), ("check",), ("launch", "--detach")])
def test_P03_a_deadline_that_has_passed_is_told_before_a_job_is_planned(words: tuple[str, ...], desk: "Desk") -> None:
    desk.job({"1": "good"}, more="deadline: 2020-02-02 07:00\n")
    said = desk.types(*words)
    assert said.code == 2, said
    assert PASSED in said.err and "name a later one, or take it out" in said.err
    assert "this job has not been " in desk.types("log", *(["--rehearsal"] if words == ("rehearse",) else [])).err


def test_P03_a_job_that_was_planned_says_that_its_deadline_has_passed_and_a_finished_one_does_nothing(
    desk: "Desk",
) -> None:
    desk.job({"1": "good", "2": "good"})
    desk.has_typed("launch", "--first", "1")
    passed = ("--set", "deadline=2020-02-02 07:00")
    said = desk.types("launch", *passed)
    assert said.code == 3
    assert "with exit code 3: stopped by the deadline, Sunday 2020-02-02 07:00" in said.out
    assert "Next: set a later `deadline` in job.yaml, then `harness launch" in said.out
    assert PASSED in desk.types("launch", "--reset", *passed).err
    assert desk.types("launch").code == 0
    assert desk.types("launch", *passed).code == 0


@covers("A28")
def test_a_failed_item_gets_a_new_round_by_retry(desk: "Desk") -> None:
    desk.job({"1": "bad", "2": "good"})
    desk.has_typed("launch", code=1)
    asked = desk.types("retry", "--failed")
    assert asked.code == 0
    assert "no supervisor is running: retry is queued for the next `harness launch`" in asked.err
    assert "1 request waits" in desk.types("status").out
    assert desk.types("launch").code == 1
    assert desk.types("status", "--json").json()["failed"][0]["attempts"] == 6
    assert "round 2" in desk.types("why", "1").out


def test_a_pause_that_waited_is_gone_once_it_is_resumed(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    assert desk.types("pause").code == 0
    assert "1 request waits" in desk.types("status").out
    assert desk.types("resume").err == "the pause queued for the next launch was withdrawn\n"
    assert "wait" not in desk.types("status").out
    assert "nothing is paused or held" in desk.types("resume").err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("retry",), "expected one of: ids of failed items, --failed"),
        (("retry", "--failed", "1"), "expected one of"),
        (("retry", "2"), "'2': has not failed, it is done\n  hint: `harness reject 2 --why TEXT` withdraws it"),
        (("reject", "1", "--why", "x"), "is not done, it is failed\n  hint: `harness retry 1` retries it"),
        (("retry", "11"), "'11': no number has this id"),
        (("why", "nobody"), "'nobody': no number has this id"),
        (("show", "nobody"), "'nobody': no number has this id"),
    ],
)
def test_requests_that_make_no_sense_are_refused(words: tuple[str, ...], told: str, desk: "Desk") -> None:
    desk.job({"1": "bad", "2": "good"})
    desk.has_typed("launch", code=1)
    said = desk.types(*words)
    assert said.code == 2
    assert told in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "words", [("why", "1"), ("show", "1"), ("log",), ("report",), ("pause",), ("retry", "--failed")]
)
def test_before_the_first_launch_there_is_nothing_to_look_at(words: tuple[str, ...], desk: "Desk") -> None:
    desk.job({"1": "good"})
    said = desk.types(*words)
    assert said.code == 2
    assert "error: job.yaml: this job has not been launched yet" in said.err
    assert "hint: run `harness launch`" in said.err
    assert not (desk.folder / ".harness").exists()


def test_status_of_a_new_job_is_new(desk: "Desk") -> None:
    desk.job({"1": "good"})
    assert desk.types("status", "--json").json()["state"] == "new"


LOOKS = [("status",), ("status", "--json"), ("watch",), ("show", "1"), ("why", "1"), ("log",), ("report",)]
LOOKS += [("check",), ("plan",), ("pause",), ("retry", "1"), ("launch",), ("launch", "--detach")]


def test_T05_every_command_says_that_the_ledger_is_gone_and_what_to_do(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    ledger = desk.folder / ".harness/job/ledger.db"
    content = ledger.read_bytes()
    ledger.unlink()
    for words in LOOKS:
        said = desk.types(*words)
        assert said.code == 6, (words, said)
        assert "ledger.db is missing, but " in said.err and "/attempts/000001-" in said.err
        assert "hint: restore the ledger, or start over with `harness launch --reset`" in said.err
        assert not ledger.exists()
    ledger.write_bytes(content)
    assert desk.types("status", "--json").json()["state"] == "finished"


def test_a_manifest_by_another_name_has_a_state_of_its_own(desk: "Desk") -> None:
    desk.job({"1": "bad"}, stem="west")
    said = desk.types("launch", "west.yaml")
    assert said.code == 1
    assert "`harness retry west.yaml --failed` or `harness report west.yaml`" in said.out
    assert "retry is queued" in desk.types("retry", "west.yaml", "1").err
    assert "reasons" in desk.types("why", "1", "west.yaml", "--json").out
    assert (desk.folder / ".harness/west/ledger.db").exists()


def test_a_rehearsal_of_programs_needs_no_server_and_counts_apart(desk: "Desk") -> None:
    desk.job({"1": "good"})
    said = desk.types("rehearse")
    assert said.code == 0
    assert "Numbers: finished, rehearsal" in said.out
    assert "rehearsal: no model, no cost" in said.err
    assert desk.types("status", "--json").json()["state"] == "new"
    assert desk.types("status", "--rehearsal", "--json").json()["rehearsal"] is True
    assert "Numbers: rehearsal" in desk.types("report", "--rehearsal").out
    assert not (desk.folder / "output").exists()


def test_a_job_without_checks_is_reported_as_unchecked(desk: "Desk") -> None:
    desk.job({"1": "good"}, check=False)
    assert "unchecked" in desk.types("check", "--only", "plan").out
    desk.types("launch")
    assert "**unchecked**" in desk.types("report").out


def test_the_report_goes_where_it_is_told(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.types("launch")
    assert desk.types("report", "--to", "out/night").code == 0
    assert {path.name for path in (desk.folder / "out/night").iterdir()} == {
        "report.md", "items.csv", "attempts.csv", "failures.csv", "costs.csv", "report.xlsx",
    }  # fmt: skip


def test_the_report_names_no_prompt_where_there_is_none(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.types("launch")
    assert "; its prompt in the manifest; checks: jq" in desk.types("report").out
    manifest = desk.folder / "job.yaml"
    manifest.write_text(manifest.read_text().replace(", prompt: count them", ""))
    told = desk.types("report").out
    assert "worker.py; checks: jq" in told
    assert "prompt" not in told


@pytest.mark.linux
def test_a_prompt_is_shown_without_becoming_a_subreaper(desk: "Desk") -> None:
    """In a process of its own: this one may be one already."""
    desk.job({"1": "good"})
    script = (
        "from harness.base.processes import is_subreaper\n"
        "from harness.cli.main import run\n"
        "code = run(['plan', '--prompt'])\n"
        "assert (code, is_subreaper()) == (0, False), (code, is_subreaper())\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=desk.folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
