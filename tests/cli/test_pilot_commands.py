"""A pilot as a person meets it who has a small job, or who wants to see only some of it."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Desk


def test_a_pilot_that_was_the_whole_job_leaves_nothing_to_mend_first(desk: "Desk") -> None:
    desk.job({"1": "bad"}, more="pilot: 3\n")
    said = desk.types("launch")
    assert said.code == 1, said
    assert "exit code 1: finished, 1 failed" in said.out and desk.types("launch").code == 1


def test_a_bad_pilot_stops_what_is_left(desk: "Desk") -> None:
    desk.job({"1": "bad", "2": "good"}, more="pilot: 1\n")
    said = desk.types("launch")
    assert said.code == 3 and "fix the cause" in said.out, said
    assert desk.types("launch").code == 1


def test_a_run_of_some_items_is_no_pilot_and_the_next_run_has_one(desk: "Desk") -> None:
    desk.job({str(n): "good" for n in range(1, 7)}, more="pilot: 3\n")
    assert desk.types("launch", "--first", "2").code in (0, 3)
    assert desk.types("status", "--json").json()["counts"]["done"] == 2
    assert desk.types("launch").code == 0


def test_check_and_plan_say_which_batches_a_pilot_runs_ahead(desk: "Desk") -> None:
    desk.job({str(n): "good" for n in range(1, 10)}, more="pilot: 3\nrate: 100/s\n")
    told = "batches 1, 5, 9 run first"
    for command in ("check", "plan"):
        said = desk.types(command)
        assert told in said.out
        assert "at most 100 starts in 1s" in said.out
    assert desk.types("launch").code == 0
    assert "ahead" not in desk.types("plan").out


def test_a_pilot_of_one_batch_is_said_in_the_singular(desk: "Desk") -> None:
    desk.job({str(n): "good" for n in range(1, 10)}, more="pilot: 1\n")
    assert "pilot     batch 1 runs first" in desk.types("check", "--only", "plan").out


def test_whether_you_can_go_to_bed_is_in_the_terminal_the_log_and_the_report(desk: "Desk") -> None:
    desk.job({str(n): "good" for n in range(1, 7)}, more="pilot: 1\nrate: 2/s\ndeadline: 30m\n")
    launched = desk.types("launch")
    assert launched.code == 0, launched
    for told in (launched.err, desk.types("log").out, desk.types("report").out):
        assert "The pilot accepted 1 of 1." in told and "No bound is expected to stop the job." in told, told


def test_a_deadline_that_comes_too_early_is_told_with_how_much_will_be_left(desk: "Desk") -> None:
    desk.job({str(n): "good" for n in range(1, 7)}, more="pilot: 1\nrate: 4/min\ndeadline: 45s\n")
    launched = desk.types("launch")
    assert launched.code == 3, launched
    for told in (launched.err, desk.types("log").out, desk.types("report").out):
        assert "not be ready by the deadline" in told and "of 5 " in told and "No bound is expected" not in told, told


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        ("caps: {sessions: 4}\n", "It will stop at the cap of 4 sessions: about 2 of 4 will be left."),
        (
            "budget: $0.35\nbudget_per_session: $0.10\n",
            "It will stop at the budget of $0.35: about 3 of 4 will be left.",
        ),
        ("budget: $0.60\nbudget_per_session: $0.10\n", "No bound is expected to stop the job."),
        (
            "budget: $0.60\nbudget_per_session: $0.15\n",
            "It will stop at the budget of $0.60: about 1 of 4 will be left.",
        ),
    ],
)
def test_a_budget_or_cap_that_will_not_do_is_told_before_you_go_to_bed(desk: "Desk", bound: str, told: str) -> None:
    desk.job({str(n): "good" for n in range(1, 7)}, more=f"pilot: 2\nparallel: 1\n{bound}")
    costing(desk, 0.1)
    launched = desk.types("launch")
    assert told in launched.err, launched
    assert ("No bound is expected" in launched.err) == (launched.code == 0)
    assert told in desk.types("report").out


def test_what_was_recovered_is_no_measure_of_what_a_session_makes(desk: "Desk") -> None:
    """The sessions that a broken check had stopped are in nobody's mean, so their items must not be either."""
    desk.job({str(n): "good" for n in range(1, 7)}, more="pilot: 5\nparallel: 1\n")
    costing(desk, 0.1)
    manifest = desk.folder / "job.yaml"
    mended = manifest.read_text()
    manifest.write_text(mended.replace(".n > 0", ".n"))
    desk.has_typed("launch", code=4)
    manifest.write_text(mended)
    assert desk.types("rejudge").code == 0
    launched = desk.types("launch")
    assert "Estimated cost of the whole job: $0.60;" in launched.err, launched


def costing(desk: "Desk", dollars: float) -> None:
    """Each session of the job says that it cost so much."""
    worker = desk.folder / "worker.py"
    worker.write_text(worker.read_text() + f"json.dump({{'cost_usd': {dollars}}}, open('usage.json', 'w'))\n")
