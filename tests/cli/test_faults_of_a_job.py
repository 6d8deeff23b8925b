"""Faults that a job meets from its own checks, its report, its budget and this program, in one process."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.core.types import Ending, SessionEvent
from harness.core.work import AttemptSpec
from harness.executors.local import LocalExecutor

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

JUDGE = """\
import json, sys, pathlib
ids = [item["id"] for item in json.load(sys.stdin)["items"]]
heard = pathlib.Path(sys.argv[1])
seen = heard.read_text().split() if heard.read_text() else []
heard.write_text(" ".join([*seen, *ids]))
if seen:
    print(json.dumps({id_: ["not today"] for id_ in ids}))
    sys.exit(1)
"""
"""Accepts the first group that it is asked about, and nothing ever after."""


def judged(desk: "Desk", items: dict[str, str], heard: Path) -> None:
    heard.touch()
    desk.job(items, check=False)
    (desk.folder / "judge.py").write_text(JUDGE)
    path = desk.folder / "job.yaml"
    check = f"output: {{check: [{{command: [{sys.executable}, judge.py, {heard}], allow: everything}}], "
    path.write_text(path.read_text().replace("output: {", check))


def test_O13_a_check_that_changes_its_mind_is_not_asked_again_about_what_is_done(desk: "Desk", tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    judged(desk, {"1": "good", "2": "good"}, heard)
    assert desk.types("launch", "--first", "1").code in (0, 3)
    merged = (desk.folder / "output/job.json").read_bytes()
    assert desk.types("launch").code == 1
    assert heard.read_text().split() == ["1", "2", "2", "2"]
    assert desk.types("launch").code == 1
    assert heard.read_text().split() == ["1", "2", "2", "2"]
    assert (desk.folder / "output/job.json").read_bytes() == merged
    counts = desk.types("status", "--json").json()["counts"]
    assert (counts["done"], counts["failed"]) == (1, 1)


def test_O18_a_report_that_fails_leaves_the_merge_and_is_made_later(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"})
    desk.has_typed("launch")
    merged = (desk.folder / "output/job.json").read_bytes()
    in_the_way = desk.folder / ".harness/job/report"
    in_the_way.write_text("a file where the folder should be")
    failed = desk.types("report")
    assert failed.code not in (0, 1) and "Traceback" not in failed.err, failed
    assert "report" in failed.err
    assert (desk.folder / "output/job.json").read_bytes() == merged
    assert desk.types("status", "--json").json()["counts"]["done"] == 2
    in_the_way.unlink()
    assert desk.types("report").code == 0
    assert (in_the_way / "report.md").exists()


def test_P20_another_budget_counts_from_what_the_ledger_has_spent(desk: "Desk") -> None:
    desk.job({str(n): "good" for n in range(4)}, more="budget: $0.03\nbudget_per_session: $0.02\nparallel: 1\n")
    worker = desk.folder / "worker.py"
    worker.write_text(worker.read_text() + "open('usage.json', 'w').write('{\"cost_usd\": 0.01}')\n")
    desk.has_typed("launch", code=3)
    first = desk.types("status", "--json").json()
    assert (first["counts"]["done"], first["usage"]["sessions"]) == (2, 2)
    lowered = desk.types("launch", "--set", "budget=$0.02")
    assert lowered.code == 3
    assert desk.types("status", "--json").json()["usage"]["sessions"] == 2
    assert desk.types("launch", "--set", "budget=$0.06").code == 0
    last = desk.types("status", "--json").json()
    assert (last["counts"]["done"], last["usage"]["sessions"]) == (4, 4)


def test_C10_an_exception_in_an_executor_costs_nobody_a_strike(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised before a session, and after one whose file was good."""
    run, met = LocalExecutor.run, list[int]()

    async def breaks(self: LocalExecutor, spec: AttemptSpec, on_event: Callable[[SessionEvent], None]) -> Ending:
        met.append(spec.id)
        if len(met) == 1:
            raise ZeroDivisionError("a bug")
        ending = await run(self, spec, on_event)
        if len(met) == 2:
            raise KeyError("another bug")
        return ending

    monkeypatch.setattr(LocalExecutor, "run", breaks)
    desk.job({"1": "good", "2": "good"}, more="batch: {size: 2}\nparallel: 1\n")
    said = desk.types("launch")
    assert said.code == 0, said
    assert len(met) == 3
    assert "ZeroDivisionError" in desk.types("why", "1").out
    assert "a strike" not in desk.types("why", "1").out


def test_O09_records_that_all_say_the_same_are_for_a_check_that_sees_the_group(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good", "3": "good"}, check=False, more="batch: {size: 3}\n")
    (desk.folder / "checks.py").write_text(
        "def check(items, records, context):\n"
        "    said = [record['n'] for rows in records.values() for record in rows]\n"
        "    hollow = len(said) > 1 and len(set(said)) == 1\n"
        "    return {item['id']: ['the same for every item'] for item in items} if hollow else {}\n"
    )
    path = desk.folder / "job.yaml"
    path.write_text(path.read_text().replace("output: {", "output: {check: [{python: 'checks.py:check'}], "))
    assert desk.types("launch").code in (0, 1)
    assert "the same for every item" in desk.types("why", "1").out


def test_a_program_that_claims_more_than_was_reserved_is_charged_and_named_in_the_report(desk: "Desk") -> None:
    desk.job({str(n): "good" for n in range(3)}, more="budget: $1\nbudget_per_session: $0.10\nparallel: 1\n")
    worker = desk.folder / "worker.py"
    worker.write_text(worker.read_text() + "open('usage.json', 'w').write('{\"cost_usd\": 5.0}')\n")
    desk.has_typed("launch", code=3)
    status = desk.types("status", "--json").json()
    assert (status["usage"]["sessions"], status["usage"]["cost_usd"]) == (1, 5.0)
    assert desk.types("report").code == 0
    told = (desk.folder / ".harness/job/report/report.md").read_text()
    assert "spent $5.00 of $1.00**: session 1 cost $5.00, more than its reservation of $0.10" in told


def test_a_phase_that_accepts_nothing_stops_with_the_commonest_reason_and_the_command_that_shows_a_case(
    desk: "Desk",
) -> None:
    desk.job({f"n{number:02}": "bad" for number in range(12)})
    said = desk.types("launch")
    assert said.code == 4
    (told,) = [line for line in said.err.splitlines() if line.startswith("stopped: the job has accepted nothing")]
    assert "after 10 attempts: its prompt or a check must be wrong; 10 of the last 10 sessions: n must be pos" in told
    command = shlex.split(told.split("`")[1])
    assert command[:2] == ["harness", "why"]
    assert "n must be positive" in desk.types(*command[1:]).out
