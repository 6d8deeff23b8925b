"""What is asked of a job from another terminal while it runs, and how a run ends that is told to."""

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from harness.base.clock import SystemClock
from harness.ledger.lock import JobLock
from tests.checker.laws import broken_laws
from tests.cli.conftest import merged

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from tests.cli.conftest import Desk

    Start = Callable[[Sequence[str]], subprocess.Popen[str]]


def test_with_nothing_running_cancel_says_so_and_pause_waits(desk: "Desk") -> None:
    desk.job({"1": "good"})
    assert "the job is not running" in desk.types("cancel").err
    desk.types("launch")
    assert "the job is not running" in desk.types("cancel").err
    assert "nothing is paused or held" in desk.types("resume").err
    assert "pause is queued for the next `harness launch`" in desk.types("pause").err
    assert "the pause queued for the next launch was withdrawn" in desk.types("resume").err


def test_a_paused_job_that_was_cancelled_needs_both_commands(desk: "Desk", waiting_run: "Start") -> None:
    desk.job({"1": "wait"})
    running = waiting_run(("launch",))
    desk.types("pause")
    assert desk.types("cancel", "--now").code == 0
    running.wait(timeout=60)
    assert "Next: `harness resume`, then `harness launch`" in desk.types("status").out
    assert "the job is not running" in desk.types("watch").err


def test_pause_retry_and_why_work_from_another_terminal_while_it_runs(desk: "Desk", waiting_run: "Start") -> None:
    desk.job({"1": "wait", "2": "good"})
    running = waiting_run(("launch",))
    assert "nothing is paused or held" in desk.types("resume").err
    paused = desk.types("pause")
    assert "paused: running sessions finish" in paused.err
    assert desk.types("status", "--json").json()["state"] == "paused"
    assert "still running" in desk.types("why", "1").out
    assert "no item has failed" in desk.types("retry", "--failed").err
    assert "resumed" in desk.types("resume").err
    assert desk.types("status", "--json").json()["state"] == "running"
    held = desk.types("launch")
    assert held.code == 5
    assert "another supervisor holds this job" in held.err
    assert desk.types("launch", "--detach").code == 5
    assert desk.types("rehearse", "--only", "2").code in (0, 3)
    assert "stopping: running sessions are terminated now" in desk.types("cancel", "--now").err
    assert running.wait(timeout=60) in (3, 130)
    assert desk.types("status", "--json").json()["state"] == "stopped"


def test_a_second_launch_shows_nothing_of_the_run_that_holds_the_job(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.job({"1": "good"})
    state = desk.folder / ".harness/job"
    state.mkdir(parents=True)
    shown: list[object] = []
    monkeypatch.setattr("harness.views.live_display.showing", lambda *words, **_: shown.append(words))
    with JobLock(state / "lock", SystemClock()):
        said = desk.types("launch")
    assert (said.code, shown) == (5, [])
    assert f"another supervisor holds this job: pid {os.getpid()} on " in said.err
    assert "`harness status` shows what it does" in said.err


def test_cancel_gives_the_grace_and_watch_ends_with_the_run(desk: "Desk", waiting_run: "Start") -> None:
    desk.job({"1": "wait"})
    running = waiting_run(("launch",))
    watching = desk.starts("watch")
    said = desk.types("cancel")
    assert "running sessions may finish within `grace`" in said.err
    assert "`harness launch` continues later" in said.err
    assert running.wait(timeout=60) == 3
    out, _ = watching.communicate(timeout=60)
    assert "Numbers: stopped" in out
    status = desk.types("status", "--json").json()
    assert (status["state"], status["counts"]["pending"]) == ("stopped", 1)
    assert "with exit code 3: stopped by" in desk.types("status").out


def test_a_second_interrupt_ends_the_run_at_once(desk: "Desk", waiting_run: "Start") -> None:
    desk.job({"1": "wait"})
    running = waiting_run(("launch", "--set", "grace=600s"))
    assert running.stderr is not None
    running.send_signal(signal.SIGINT)
    assert any(
        "stopping: 1 session has 10m 00s of grace left; Ctrl-C again ends it now" in line for line in running.stderr
    )
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "running sessions are terminated now" in err
    assert "\nstopped by Ctrl-C\n" in err
    assert "Traceback" not in err
    assert "Next: `harness launch --set grace=600s`" in out


def test_C03_the_ledger_tells_the_exit_code_with_which_a_second_signal_ended_the_run(
    desk: "Desk", waiting_run: "Start"
) -> None:
    desk.job({"1": "wait"})
    running = waiting_run(("launch", "--set", "grace=600s"))
    assert running.stderr is not None
    running.send_signal(signal.SIGTERM)
    assert any("of grace left" in line for line in running.stderr)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == 143
    assert "with exit code 143: stopped by SIGTERM" in desk.types("status").out


def test_a_detached_launch_goes_on_alone_and_says_how_to_follow_it(desk: "Desk") -> None:
    desk.job({"1": "wait"})
    said = desk.types("launch", "--detach", "--set", "strikes=2")
    assert said.code == 0
    for line in ("harness status", "harness watch", "harness cancel"):
        assert f"\n  {line}\n" in said.out
    assert desk.types("status", "--json").json()["state"] == "running"
    following = desk.starts("log", "-f")
    assert following.stdout is not None
    assert any("attempt 1 started" in line for line in following.stdout)
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=60)
    assert desk.types("cancel", "--now").code == 0
    desk.types("watch")
    assert desk.types("status", "--json").json()["state"] == "stopped"
    assert "started, attempt 1" in (desk.folder / ".harness/job/launch.log").read_text()


def test_a_detached_launch_that_dies_says_why(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    (desk.folder / "items.jsonl").write_text('{"id": "2"}\n')
    said = desk.types("launch", "--detach")
    assert said.code == 2
    assert "item '1' was removed" in said.err


def test_log_follows_what_happens(desk: "Desk", waiting_run: "Start") -> None:
    desk.job({"1": "wait"})
    running = waiting_run(("launch",))
    following = desk.starts("log", "-f")
    assert following.stdout is not None
    lines = iter(following.stdout)
    assert any("attempt 1 started" in line for line in lines)
    desk.types("cancel", "--now")
    assert any("run ended with exit code" in line for line in lines)
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=60)
    assert following.returncode == 130
    assert "Traceback" not in err
    running.wait(timeout=60)


def test_who_forgets_rehearsal_is_told(desk: "Desk", waiting_run: "Start") -> None:
    desk.job({"1": "wait"})
    running = waiting_run(("rehearse",))
    assert "a rehearsal exists: `harness status --rehearsal`" in desk.types("status").err
    assert "its rehearsal is running: `harness cancel --rehearsal`" in desk.types("cancel").err
    assert "its rehearsal is running: `harness watch --rehearsal`" in desk.types("watch").err
    why = desk.types("why", "1")
    assert "hint: run `harness launch`; for its rehearsal, add --rehearsal" in why.err
    held = desk.types("rehearse")
    assert held.code == 5
    assert "`harness status --rehearsal` shows what it does, `harness cancel --rehearsal` ends it" in held.err
    assert desk.types("pause", "--rehearsal").code == 0
    assert "Paused: no new sessions until `harness resume --rehearsal`" in desk.types("status", "--rehearsal").out
    assert desk.types("cancel", "--rehearsal", "--now").code == 0
    assert running.wait(timeout=60) in (3, 130)


def test_an_item_that_is_retried_while_its_run_lives_is_accepted_by_that_run(
    desk: "Desk", waiting_run: "Start"
) -> None:
    desk.job({"1": "bad", "2": "wait"}, more='parallel: 2\nsandbox: "off"\n')
    worker = (desk.folder / "worker.py").read_text()
    told = worker.replace("signal.pause()", "open(sys.argv[2]).read()").replace("import json", "import sys, json")
    told = told.replace('"bad": -1', '"bad": json.load(open(sys.argv[1]))')
    (desk.folder / "worker.py").write_text(told)
    (desk.folder / "answer.json").write_text("-1")
    os.mkfifo(desk.folder / "go.pipe")
    manifest = (desk.folder / "job.yaml").read_text()
    assert "worker.py]" in manifest
    (desk.folder / "job.yaml").write_text(manifest.replace("worker.py]", "worker.py, answer.json, go.pipe]"))
    running = waiting_run(("launch", "--set", "session.timeout=60s"))
    assert running.stderr is not None
    assert any("failed: n must be positive" in line for line in running.stderr)
    (desk.folder / "answer.json").write_text("1")
    assert desk.types("retry", "1").code == 0
    assert any("(1)  accepted" in line for line in running.stderr), "while the other item still waits"
    (desk.folder / "go.pipe").write_text("go")
    assert running.wait(timeout=60) == 0
    assert [record["id"] for record in merged(desk.folder)] == ["1", "2"]
    assert not broken_laws(desk.folder / ".harness/job")
