"""Laws of the house as a library: values in and out, a clean stop when it is cancelled, and nothing left behind."""

import asyncio
import ctypes
import json
import re
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import api
from harness.base.marks import of_job
from harness.base.processes import is_subreaper
from harness.core.types import SessionEvent
from harness.ledger.lock import is_held
from harness.planning.job_plan import plan_or_check
from tests.api.conftest import MakeJob
from tests.checker.laws import broken_laws
from tests.checker.record import Record
from tests.end_to_end.playing import WORKER

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"

DAEMON = """\
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(3):
            os.close(number)
        time.sleep(600)
    os._exit(0)
"""
"""Leaves a process behind that has a session and a parent of its own."""


@contextmanager
def untouched(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing is printed, and this process is as it was."""
    before = _handlers()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: another test may have made this process one
    capfd.readouterr()
    yield
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert _handlers() == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked
    assert not is_subreaper()


def _handlers() -> dict[int, object]:
    return {number: signal.getsignal(number) for number in sorted(signal.valid_signals())}


class Started:
    """Says when the first session of a job has started; signals mean then what they meant when this was made."""

    def __init__(self) -> None:
        self.session = asyncio.Event()
        self._handlers = _handlers()

    def __call__(self, event: SessionEvent) -> None:
        assert _handlers() == self._handlers
        self.session.set()


def merged(manifest: Path) -> list[str]:
    return [record["id"] for record in json.loads((manifest.parent / "all.json").read_bytes())]


def laws_hold(job: api.Job) -> None:
    assert not broken_laws(job.state)
    assert not of_job(job.state)


def test_the_program_of_the_page_plays_two_jobs_cancels_one_and_resumes_it(
    make: MakeJob, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(program.splitlines()) <= 20
    east, west = make("east", items=3, grace="1s"), make("west", WORKER, items=3)
    monkeypatch.chdir(east.parents[1])
    space: dict[str, Any] = {"__name__": "page"}
    with untouched(capfd):
        exec(compile(program, str(PAGE), "exec"), space)
        main: Callable[[], Coroutine[Any, Any, None]] = space["main"]
        asyncio.run(main())
    assert merged(east) == merged(west) == ["i01", "i02", "i03"]
    for manifest in (east, west):
        laws_hold(asyncio.run(api.load(manifest)))


def test_a_cancelled_run_gives_sessions_their_grace_and_goes_on_with_what_they_did(
    make: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        job, started = await api.load(manifest), Started()
        running = asyncio.create_task(api.run(job, on_event=started))
        await started.session.wait()
        running.cancel()
        (manifest.parent / "gate.json").write_text("open")
        with pytest.raises(asyncio.CancelledError):
            await running
        stopped = await api.status(job)
        assert (stopped.state, stopped.counts.done, stopped.counts.pending) == ("stopped", 1, 1)
        assert Record(job.state).of("RunEnded")[-1]["exit_code"] == 3
        assert (await api.run(job)).exit_code == 0
        laws_hold(job)

    manifest = make("one", items=2, grace="1m")
    with untouched(capfd):
        asyncio.run(main())
    assert merged(manifest) == ["i01", "i02"]
    assert len(Record(manifest.parent / ".harness" / "job").of("AttemptStarted")) == 2  # nothing was done twice


def test_cancelled_again_it_ends_sessions_at_once_and_strikes_nobody(
    make: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        job, started = await api.load(manifest), Started()
        running = asyncio.create_task(api.run(job, on_event=started))
        await started.session.wait()
        running.cancel()
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not of_job(job.state)
        (manifest.parent / "gate.json").write_text("open")
        assert (await api.run(job)).exit_code == 0
        assert not Record(job.state).of("ItemStruck")
        laws_hold(job)

    manifest = make("one", grace="1h")
    with untouched(capfd):
        asyncio.run(main())


def test_the_end_of_the_event_loop_ends_every_session(make: MakeJob) -> None:
    """`asyncio.run` cancels all tasks when its main one is done: also those that we made."""

    async def main() -> api.Job:
        job, started = await api.load(manifest), Started()
        asyncio.get_running_loop().create_task(api.run(job, on_event=started))
        await started.session.wait()
        return job

    manifest = make("one", grace="1h")
    job = asyncio.run(main())
    assert not of_job(job.state)


@pytest.mark.linux
@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_no_process_outlives_its_attempt_although_nobody_adopts_it(make: MakeJob, sandbox: str) -> None:
    """A library must not make the program that uses it a subreaper: what a session has left is found by its mark."""
    seen: list[list[int]] = []

    async def main() -> None:
        job = await api.load(manifest)

        def look(event: SessionEvent) -> None:
            if event.kind == "settled":
                seen.append([pid for pid in of_job(job.state) if _is_daemon(pid)])  # the end of the run ends all

        assert (await api.run(job, on_event=look)).exit_code == 0

    manifest = make("one", DAEMON + WORKER, items=1, sandbox=sandbox)
    asyncio.run(main())
    assert seen == [[]]


def _is_daemon(pid: int) -> bool:
    try:
        return b"work.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_check_tells_every_problem_and_raises_none(make: MakeJob) -> None:
    manifest = make("one")

    async def main() -> None:
        job = await api.load(manifest)
        assert await api.check(job) == []
        problems = await api.check(job, choice=api.Choice(only=("i09",)))
        assert [problem.where for problem in problems] == ["--only"]
        (manifest.parent / "items.json").write_text('[{"id": "i01"}, {"id": "i01"}]')
        assert await api.check(job)
        with pytest.raises(api.UsageError):
            await api.plan(job)

    asyncio.run(main())
    assert not (manifest.parent / ".harness").exists()


def test_plan_says_what_would_run_and_writes_nothing(make: MakeJob) -> None:
    manifest = make("one", items=3, batch={"size": 2})

    async def main() -> None:
        plan = await api.plan(await api.load(manifest))
        assert [group.items for group in plan.groups] == [("i01", "i02"), ("i03",)]
        assert not plan.problems
        assert (await api.status(manifest)).state == "new"

    asyncio.run(main())
    assert not (manifest.parent / ".harness").exists()


def test_a_job_runs_once_at_a_time_also_in_one_process(make: MakeJob) -> None:
    manifest = make("one")

    async def main() -> None:
        job, started = await api.load(manifest), Started()
        running = asyncio.create_task(api.run(job, on_event=started))
        await started.session.wait()
        with pytest.raises(api.JobHeldError):
            await api.run(job)
        with pytest.raises(api.JobHeldError):
            await api.review(job, api.Redo(("item=i01",)))
        (manifest.parent / "gate.json").write_text("open")
        assert (await running).exit_code == 0

    asyncio.run(main())


def test_a_review_takes_back_what_is_named_and_the_next_run_makes_it_again(
    make: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    manifest = make("one", WORKER)

    async def main() -> None:
        job = await api.load(manifest)
        await api.run(job)
        gone = await api.review(job, api.Reject(("i02",), "say more"))
        assert [str(each.item) for each in gone] == ["i02"]
        assert merged(manifest) == ["i01"]
        assert (await api.run(job)).exit_code == 0
        assert await api.review(job, api.Redo(("prompt=old",))) == ()
        assert (await api.review(job, api.Rejudge(only_look=True))).doubtful == ()
        with pytest.raises(api.UsageError):
            await api.review(job, api.Reject(("i09",), "who is that"))
        laws_hold(job)

    with untouched(capfd):
        asyncio.run(main())
    assert merged(manifest) == ["i01", "i02"]


def job_for_a_model(folder: Path) -> None:
    """A job of one item, for a real session."""
    (folder / "items.csv").write_text("id\n1\n")
    manifest = {
        "items": {"file": "items.csv"},
        "session": {"model": "haiku", "prompt": "Say something of {{ item.id }}."},
        "output": {"fields": {"text": "string"}, "merge": "all.json"},
        "budget": "$9",
    }
    (folder / "job.yaml").write_text(json.dumps(manifest))


def test_a_rehearsal_needs_a_mock_api(tmp_path: Path) -> None:
    job_for_a_model(tmp_path)

    async def main() -> None:
        job = await api.load(tmp_path / "job.yaml", rehearsal=True)
        assert [problem.where for problem in await api.check(job)] == ["credential"]
        with pytest.raises(api.UsageError):
            await api.run(job)

    asyncio.run(main())


@pytest.mark.session
def test_a_rehearsal_plays_real_sessions_and_leaves_no_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job_for_a_model(tmp_path)

    async def main() -> None:
        job = await api.load(tmp_path / "job.yaml", rehearsal=True)
        async with api.mock_api(job) as credential:
            assert (await api.run(job, credential=credential)).exit_code == 0
        assert (await api.status(job)).counts.done == 1
        laws_hold(job)

    with untouched(capfd):
        asyncio.run(main())


def test_the_page_names_what_is_public() -> None:
    named = set(re.findall(r"`(\w+)[(`]", PAGE.read_text()))
    assert set(api.__all__) <= named
    assert all(hasattr(api, name) for name in api.__all__)


class SlowPlanning:
    """Planning that has begun and goes on until it is told to end; it must be told within 20 s."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun, self._loop = asyncio.Event(), asyncio.get_running_loop()
        self._may_end = threading.Event()
        patch.setattr("harness.supervisor.opening.plan_or_check", self._planned)

    def _planned(self, *job: Any) -> Any:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self._may_end.wait(20), "no other task of the loop had a turn"
        return plan_or_check(*job)

    def end(self) -> None:
        self._may_end.set()


def test_other_tasks_of_the_loop_go_on_while_a_job_is_planned(make: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        planning = SlowPlanning(monkeypatch)
        running = asyncio.create_task(api.run(await api.load(manifest)))
        await planning.begun.wait()
        planning.end()
        assert (await running).exit_code == 0

    manifest = make("one", WORKER)
    asyncio.run(main())


def test_the_lock_is_held_until_planning_is_over_however_the_loop_is_ended(
    make: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ctrl-C ends it: each of its tasks is cancelled, and once more."""

    async def main() -> None:
        job, planning = await api.load(manifest), SlowPlanning(monkeypatch)
        before = asyncio.all_tasks()
        running = asyncio.create_task(api.run(job))
        await planning.begun.wait()
        for _ in range(2):
            for task in asyncio.all_tasks() - before:
                task.cancel()
            await asyncio.sleep(0.05)
            assert is_held(job.home.lock)
        planning.end()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not is_held(job.home.lock)
        assert (await api.run(job)).exit_code == 0
        laws_hold(job)

    manifest = make("one", WORKER)
    asyncio.run(main())
