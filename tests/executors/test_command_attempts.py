"""Laws of one attempt on this machine, with a stub program as its session."""

import asyncio
import gc
import json
import os
import signal
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId
from harness.base.marks import TOKEN_MARK, marked
from harness.base.processes import identity_of
from harness.core.messages import message
from harness.core.types import Accepted, Ending, Item, Judgement, SessionEvent
from harness.core.work import Produced, Work
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.containment import NoSandbox
from harness.executors.sandbox import Containment
from harness.views.fault_words import fault_text
from tests.covers import covers
from tests.specs import altered

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

SANDBOXES = ("off", "permissions", pytest.param("bubblewrap", marks=pytest.mark.linux))


@pytest.fixture(params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest) -> Containment:
    if request.param == "off":
        return NoSandbox("off")
    return NoSandbox("permissions") if request.param == "permissions" else Bubblewrap("bwrap")


@pytest.fixture
def quick() -> Containment:
    return NoSandbox("off")


def test_a_good_program_leaves_a_frozen_output_and_no_fault(bench: "Bench", sandbox: Containment) -> None:
    ending = asyncio.run(bench.run(bench.stub("ok"), sandbox))
    assert ending.fault is None
    assert json.loads(bench.content(ending)) == [{"id": "a", "echo": {"id": "a"}}, {"id": "b", "echo": {"id": "b"}}]
    assert ending.facts.cost_usd == 0
    assert [event.kind for event in bench.events] == ["started", "ended"]


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [("exit1", "crashed"), ("segv", "crashed"), ("killed", "killed"), ("exit0", None), ("nofile", None)],
)
def test_S06_how_a_program_ends_is_told_apart(
    bench: "Bench", sandbox: Containment, scenario: str, kind: str | None
) -> None:
    ending = asyncio.run(bench.run(bench.stub(scenario), sandbox))
    assert (ending.fault.kind if ending.fault else None) == kind
    assert ending.artifacts == ()


def test_the_last_words_of_a_program_that_failed_are_in_the_fault(bench: "Bench", sandbox: Containment) -> None:
    ending = asyncio.run(bench.run(bench.stub("exit1"), sandbox))
    assert ending.fault is not None
    assert fault_text(ending.fault.why) == "the process crashed: exit code 1: no luck"


def test_I10_a_key_that_a_program_prints_is_in_no_file_of_its_attempt(bench: "Bench", quick: Containment) -> None:
    spec = bench.program(
        "import os, sys\nfor stream in (sys.stdout, sys.stderr):\n"
        "    print('the key is', os.environ['MODEL_KEY'], file=stream, flush=True)\nsys.exit(1)\n"
    )
    secret = "made-up-key-for-a-model"
    ending = asyncio.run(bench.run(spec, quick, keys={"MODEL_KEY": secret}))
    kept = {path.name: path.read_text() for path in spec.folder.rglob("*") if path.is_file()}
    assert "the key is [secret]" in kept["stderr.log"] and "the key is [secret]" in kept["stream.jsonl"]
    assert secret not in "".join(kept.values()) and secret not in repr(ending)


def test_S07_a_file_written_before_the_crash_is_kept(bench: "Bench", sandbox: Containment) -> None:
    ending = asyncio.run(bench.run(bench.stub("crash-after-file"), sandbox))
    assert ending.fault is not None
    assert ending.fault.kind == "killed"
    assert len(json.loads(bench.content(ending))) == 2


def test_S18_a_program_that_is_not_there_is_for_a_person_to_mend(bench: "Bench", sandbox: Containment) -> None:
    spec = bench.stub("ok")
    spec = altered(spec, session=replace(spec.session, command=("no-such-program-here",)))
    ending = asyncio.run(bench.run(spec, sandbox))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("cli_missing", "config")
    assert "no-such-program-here" in fault_text(ending.fault.why)


@covers("A73")
def test_S13_S14_nothing_of_an_attempt_outlives_it_and_late_writes_change_nothing(
    bench: "Bench", sandbox: Containment
) -> None:
    spec = bench.stub("late-write")
    ending = asyncio.run(bench.run(spec, sandbox))
    assert ending.fault is None
    assert len(json.loads(bench.content(ending))) == 2
    assert (spec.folder / "work" / "daemon.pid").exists()
    assert marked(TOKEN_MARK, spec.token) == []


@covers("F173")
def test_C07_a_daemon_in_a_session_of_its_own_is_ended(bench: "Bench", sandbox: Containment) -> None:
    spec = bench.stub("setsid-child")
    ending = asyncio.run(bench.run(spec, sandbox))
    assert ending.fault is None
    assert marked(TOKEN_MARK, spec.token) == []


FORGETFUL_DAEMON = """
import json, os
said, saying = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(saying, str(os.getpid()).encode())
        os.chdir("/")
        os.execve("/bin/sleep", ["sleep", "3600"], {})
    os._exit(0)
os.wait()
open("daemon.pid", "wb").write(os.read(said, 20))
json.dump([{"id": "a"}], open("output.json", "w"))
"""
"""Its daemon has lost its parent, its session, its folder and its environment, and holds the pipes of the program."""


@pytest.mark.linux
def test_C07_a_daemon_that_has_cleared_its_environment_is_ended(bench: "Bench", sandbox: Containment) -> None:
    spec = bench.program(FORGETFUL_DAEMON)
    ending = asyncio.run(bench.run(spec, sandbox))
    assert (ending.fault, ending.notes) == (None, ())
    if not sandbox.is_kernel_sandbox:  # its number is another one there
        assert identity_of(int((spec.folder / "work" / "daemon.pid").read_text())) is None
    assert marked(TOKEN_MARK, spec.token) == []


@pytest.mark.linux
def test_a_daemon_that_cannot_be_found_holds_up_nobody_and_is_told(
    bench: "Bench", quick: Containment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.executors.starter.has_mark", lambda pid, name, value: False)
    spec = bench.program(FORGETFUL_DAEMON)
    ending = asyncio.run(bench.run(spec, quick))
    daemon = int((spec.folder / "work" / "daemon.pid").read_text())
    assert identity_of(daemon) is not None
    os.kill(daemon, signal.SIGKILL)
    assert ending.fault is None and json.loads(bench.content(ending)) == [{"id": "a"}]
    assert ending.notes == (message("pipe_held"),)
    gc.collect()  # what asyncio would say about pipes that nobody closed is an error in these tests


def test_the_time_limit_ends_a_program_that_hangs_and_is_charged_to_it(bench: "Bench", sandbox: Containment) -> None:
    spec = bench.stub("hang-after-file", timeout=timedelta(seconds=0.7))
    ending = asyncio.run(bench.run(spec, sandbox))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("time_limit", "session")
    assert ending.facts.cost_usd is None, "it was not let say what it cost"
    assert len(json.loads(bench.content(ending))) == 2
    assert marked(TOKEN_MARK, spec.token) == []


@pytest.mark.parametrize("hard", [False, True])
def test_C06_an_interrupt_ends_a_program_also_one_that_ignores_it(
    bench: "Bench", sandbox: Containment, hard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.backends.command._GRACE_S", 0.2)
    spec = bench.stub("ignore-term" if hard else "hang")

    async def run() -> Ending:
        executor = bench.executor(sandbox)
        started = asyncio.Event()
        bench.on_event = lambda event: started.set() if event.kind == "started" else None
        running = asyncio.create_task(executor.run(spec, bench.hear))
        await started.wait()
        await executor.interrupt(spec.token, hard=hard)
        return await running

    ending = asyncio.run(run())
    assert ending.fault is not None
    assert ending.fault.kind == ("cut_off" if hard else "cancelled")
    assert ending.fault.blame == "operator"
    assert marked(TOKEN_MARK, spec.token) == []


def test_a_cancelled_run_ends_its_processes_first(bench: "Bench", sandbox: Containment) -> None:
    spec = bench.stub("hang")

    async def run() -> None:
        started = asyncio.Event()
        bench.on_event = lambda event: started.set()
        running = asyncio.create_task(bench.run(spec, sandbox))
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(run())
    assert marked(TOKEN_MARK, spec.token) == []


def test_a_session_that_stays_idle_with_everything_good_is_ended_without_a_fault(
    bench: "Bench", quick: Containment
) -> None:
    looked: list[tuple[str, ...]] = []

    async def good(glance: ArtifactStore, work: Work, produced: Produced) -> Judgement:
        looked.append(tuple(artifact.name for artifact in produced.artifacts))
        assert glance.get(produced.artifacts[0].sha)
        assert not bench.store.path(produced.artifacts[0].sha).exists(), "what is only looked at is not kept"
        return Judgement({item.id: Accepted(({},)) for item in work.items}, usable=True)

    spec = bench.stub("hang-after-file", idle_after_output=timedelta(seconds=0.3))
    ending = asyncio.run(bench.run(spec, quick, judge=good))
    assert ending.fault is None
    assert looked == [("output.json",)]
    assert message("idle_after_output") in ending.notes


def test_a_session_that_stays_idle_with_something_missing_is_left_alone(bench: "Bench", quick: Containment) -> None:
    spec = bench.stub("hang-after-file", idle_after_output=timedelta(seconds=0.1), timeout=timedelta(seconds=1.2))
    ending = asyncio.run(bench.run(spec, quick))
    assert ending.fault is not None
    assert ending.fault.kind == "time_limit"


def test_H09_a_flood_of_errors_neither_blocks_nor_fills_the_disk(bench: "Bench", quick: Containment) -> None:
    spec = bench.stub("stderr-flood", "20000")
    ending = asyncio.run(bench.run(spec, quick))
    assert ending.fault is None
    assert (spec.folder / "stderr.log").stat().st_size < 10 * 1024 * 1024


def test_S12_a_line_of_many_megabytes_does_no_harm(bench: "Bench", quick: Containment) -> None:
    ending = asyncio.run(bench.run(bench.stub("bigline", str(40 * 1024 * 1024)), quick))
    assert ending.fault is None


@pytest.mark.parametrize(
    ("told", "cost"),
    [('{"cost_usd": 0.01}', Decimal("0.01")), ('{"cost_usd": -1}', None), ('{"cost_usd": NaN}', None), ("[", None)],
)
def test_P17_what_a_program_says_it_cost_counts_when_it_is_a_cost(
    bench: "Bench", quick: Containment, told: str, cost: Decimal | None
) -> None:
    ending = asyncio.run(bench.run(bench.stub("usage", told), quick))
    assert ending.facts.cost_usd == cost
    assert bool(ending.notes) == (cost is None)


def test_I10_a_program_sees_nothing_of_our_environment(
    bench: "Bench", sandbox: Containment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-canary-canary")
    ending = asyncio.run(bench.run(bench.stub("environment", ids=["a"]), sandbox))
    seen = json.loads(bench.content(ending))[0]["environment"]
    assert "canary" not in json.dumps(seen)
    assert seen["HARNESS_BATCH"] == "7"
    assert seen["HARNESS_PHASE"] == "main"
    assert set(seen) - {"PWD", "OLDPWD", "LC_CTYPE", "SHLVL", "_", "__CF_USER_TEXT_ENCODING"} == {
        "PATH",
        "LANG",
        "HOME",
        "TMPDIR",
        "HARNESS_ATTEMPT",
        "HARNESS_PHASE",
        "HARNESS_BATCH",
        "HARNESS_OUTPUT",
        "HARNESS_RUN",
        "HARNESS_TOKEN",
        "HARNESS_STATE",
        "HARNESS_FOLDER",
    }


def test_files_of_items_are_read_only_copies_found_from_the_working_folder(
    bench: "Bench", sandbox: Containment
) -> None:
    (bench.folder / "one").mkdir()
    (bench.folder / "two").mkdir()
    items = []
    for name in ("one", "two"):
        original = bench.folder / name / "scan.txt"
        original.write_text(f"text of {name}")
        items.append(Item(ItemId(name), {"n": name}, original))
    spec = altered(bench.stub("python", "sorted(p.read_text() for p in Path('input').iterdir())"), items=tuple(items))
    ending = asyncio.run(bench.run(spec, sandbox))
    assert json.loads(bench.content(ending))[0]["value"] == ["text of one", "text of two"]
    told = json.loads((spec.folder / "spec.json").read_text())
    assert [item["file"] for item in told["items"]] == ["input/1-scan.txt", "input/2-scan.txt"]
    assert not (spec.folder / "input").exists(), "a copy for each try fills a disk"
    assert not (spec.folder / "work" / "input").is_symlink()
    assert told["cwd"] == bench.executor(sandbox).work_path(spec.folder)


def test_a_lost_item_file_is_named_and_no_exception(bench: "Bench", quick: Containment) -> None:
    there = bench.folder / "there.pdf"
    there.write_text("%PDF")
    spec = altered(
        bench.stub("ok"),
        items=(Item(ItemId("x"), {}, there), Item(ItemId("gone.pdf"), {}, bench.folder / "gone.pdf")),
    )
    ending = asyncio.run(bench.run(spec, quick))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("no_input", "operator")
    assert ending.fault.evidence["missing_input"] == ["gone.pdf"]
    assert "gone.pdf; put it back" in fault_text(ending.fault.why)


def test_context_reaches_a_program_only_when_there_is_some(bench: "Bench", quick: Containment) -> None:
    asked = "json.loads(Path(os.environ['HARNESS_CONTEXT']).read_text())"
    spec = altered(bench.stub("python", asked, ids=["a"]), context={"translate": [{"n": 1}]})
    ending = asyncio.run(bench.run(spec, quick))
    assert json.loads(bench.content(ending))[0]["value"] == {"translate": [{"n": 1}]}


@covers("F184", "A74")
def test_reasons_reach_a_program_with_its_items(bench: "Bench", quick: Containment) -> None:
    spec = altered(
        bench.stub("python", "json.loads(Path('items.json').read_text())[0]['reasons']", ids=["a"]),
        reasons={ItemId("a"): ["too short"]},
    )
    ending = asyncio.run(bench.run(spec, quick))
    assert json.loads(bench.content(ending))[0]["value"] == ["too short"]


def test_what_only_a_living_session_needs_is_removed_and_nothing_else(bench: "Bench", sandbox: Containment) -> None:
    spec = bench.stub("exit1")
    asyncio.run(bench.run(spec, sandbox))
    assert sorted(path.name for path in spec.folder.iterdir()) == ["prompt.md", "spec.json", "stderr.log", "work"]
    assert spec.folder.stat().st_mode & 0o777 == 0o700
    assert (spec.folder / "spec.json").stat().st_mode & 0o777 == 0o600


@covers("F189")
def test_events_carry_the_attempt(bench: "Bench", quick: Containment) -> None:
    asyncio.run(bench.run(bench.stub("ok"), quick))
    assert bench.events[-1] == SessionEvent(bench.events[0].attempt, "ended", "")


def test_H01_a_store_without_room_is_the_hosts_fault(bench: "Bench", quick: Containment) -> None:
    (bench.folder / "artifacts").rmdir()
    (bench.folder / "artifacts").symlink_to(Path("/dev/full"))
    ending = asyncio.run(bench.run(bench.stub("ok"), quick))
    assert ending.fault is not None
    assert ending.fault.blame in ("host", "config")
