"""Checks run in a sandbox of their own: they see the job's folder and what they are given, and reach nothing else."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.types import Accepted
from harness.evaluation.bounded import Bounded
from harness.evaluation.check_program import CommandError, run_command
from harness.evaluation.check_sandbox import NOTHING, Allowed, SandboxCommand, cure, from_json, to_json
from harness.evaluation.persistent_child import BoundedError
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.check_bubblewrap import JobSandboxes, sandboxes_of
from harness.executors.containment import NoSandbox, choose_sandboxes
from harness.job.job import CheckSpec, Job
from harness.rehearsal.question import question_of
from harness.rehearsal.request_history import RequestHistory
from harness.rehearsal.scene import Text, Turn
from harness.rehearsal.stage import SceneError, SceneStage
from harness.views.fault_words import fault_text
from tests.ended import goes
from tests.executors.conftest import Bench
from tests.outputs.conftest import Court, outcome_of, reasons_for

ATTACKER = Path(__file__).parent.parent / "stubs" / "attacker.py"
CHECK = """
import json, attacker
def check(items, records, context):
    place = items[0]["data"]
    return {"A": [json.dumps({**attacker.tries(place), **attacker.ordinary(place)})]}
"""


@pytest.fixture
def scene_of_crime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Job, dict[str, Any]]]:
    """A job with what is worth having around it, a home, two open doors and a process to be seen."""
    folder, home = tmp_path / "job", tmp_path / "home"
    for path in (folder / ".harness" / "job", folder / ".git", home / ".ssh"):
        path.mkdir(parents=True)
    (folder / ".harness" / "job" / "ledger.db").write_text("the ledger")
    for name in (".env", ".git/config", "data.txt"):
        (folder / name).write_text("secret")
    (home / ".ssh" / "id_ed25519").write_text("the key")
    shutil.copy(ATTACKER, folder / "attacker.py")
    (folder / "checks.py").write_text(CHECK)
    monkeypatch.setenv("HOME", str(home))
    sleeper = subprocess.Popen(["/bin/sh", "-c", "read never; : canary-of-processes"], stdin=subprocess.PIPE)
    with _door(socket.AF_INET, ("127.0.0.1", 0)) as inet, _door(socket.AF_UNIX, f"\0{tmp_path}") as abstract:
        place = {"folder": str(folder), "home": str(home), "port": inet.getsockname()[1], "door": str(tmp_path)}
        place |= {"pid": sleeper.pid, "mark": "canary-of-processes"}
        check = CheckSpec("python", None, python=(folder / "checks.py", "check"))
        bench = Bench(folder)
        phase = bench.job().phases[0]
        phase = replace(phase, output=replace(phase.output, checks=(check,)))
        yield bench.job(phases=(phase,)), place
        del abstract
    sleeper.kill()
    sleeper.wait()
    assert sleeper.stdin is not None
    sleeper.stdin.close()


def _door(family: int, address: Any) -> socket.socket:
    """Whoever gets in hears a word."""
    door = socket.socket(family)
    door.bind(address)
    door.listen()

    def answer() -> None:
        while True:
            try:
                guest, _ = door.accept()
            except OSError:
                return
            with guest:
                guest.send(b"welcome")

    threading.Thread(target=answer, daemon=True).start()
    return door


def _sandboxes(job: Job) -> JobSandboxes:
    return JobSandboxes(Bubblewrap("bwrap", (job.folder, job.state)), job)


def _python(
    job: Job, sandboxes: JobSandboxes | None, place: dict[str, Any], allowed: Allowed = NOTHING
) -> dict[str, str]:
    with closing(Bounded(sandboxes=sandboxes)) as bounded:
        items = [{"id": "A", "data": place}]
        found = bounded.within(allowed).python(job.folder / "checks.py", "check", items, {"A": [{"n": 1}]}, {}, 20)
    told: dict[str, str] = json.loads(found["A"][0].facts["message"])
    return told


def _command(
    job: Job, sandboxes: JobSandboxes | None, place: dict[str, Any], allowed: Allowed = NOTHING
) -> dict[str, str]:
    given = json.dumps({"items": [{"id": "A", "data": place}]}).encode()
    with closing(Bounded(sandboxes=sandboxes)) as bounded:
        found = run_command((sys.executable, str(job.folder / "attacker.py")), given, 20, bounded, allowed)
    assert isinstance(found, dict)
    told: dict[str, str] = json.loads(found["A"][0].facts["message"])
    return told


SCENE = """
import json, attacker
from harness.rehearsal.scene import Text, Turn
def scene(ask):
    return Turn([Text(json.dumps({**attacker.tries(ask.vars), **attacker.ordinary(ask.vars)}))])
"""


def _scene(
    job: Job, sandboxes: JobSandboxes | None, place: dict[str, Any], allowed: Allowed = NOTHING
) -> dict[str, str]:
    (job.folder / "scene.py").write_text(SCENE)
    sandbox = (
        sandboxes.sandbox(allowed, (Path(sys.executable),), (Path(harness.__file__).parent,)) if sandboxes else None
    )
    stage = SceneStage(job.folder / "scene.py", sandbox=from_json(to_json(sandbox)) if sandbox else None)
    reply = asyncio.run(
        stage.answer(replace(question_of({}, None, None, 0, RequestHistory(job.folder / "log")).ask, vars=place))
    )
    stage.close()
    assert isinstance(reply, Turn) and isinstance(reply.blocks[0], Text)
    told: dict[str, str] = json.loads(reply.blocks[0].text)
    return told


def _out(told: dict[str, str]) -> set[str]:
    return {name for name, what in told.items() if not what.startswith("refused")}


ORDINARY = {"read beside itself", "write to its own tmp"}


@pytest.mark.parametrize("play", [_python, _command, _scene])
def test_a_check_or_a_scene_reaches_nothing_but_the_jobs_folder(
    play: Any, scene_of_crime: tuple[Job, dict[str, Any]], tmp_path: Path
) -> None:
    job, place = scene_of_crime
    before = (job.folder / "checks.py").read_text()
    sandboxes = _sandboxes(job)
    assert not sandboxes.weakness
    assert _out(play(job, sandboxes, place)) == ORDINARY
    assert (job.folder / "checks.py").read_text() == before and not (tmp_path / "home" / "new").exists()
    network = {"connect to this machine"}
    assert _out(play(job, sandboxes, place, frozenset(("network",)))) == ORDINARY | network
    writing = {"write beside itself", "write a new file"}
    assert _out(play(job, sandboxes, place, frozenset(("write",)))) == ORDINARY | writing
    assert (job.folder / "new").read_text() == "#"
    assert (job.folder / ".harness" / "job" / "ledger.db").read_text() == "the ledger"
    free = _out(play(job, sandboxes, place, frozenset(("everything",))))
    assert free == _out(play(job, None, place))  # what is refused above is not refused by the attempts themselves
    assert len(free) == len(ORDINARY) + 13 - (os.getuid() != 0), free  # the passwords are root's


def test_a_home_is_no_jobs_folder(scene_of_crime: tuple[Job, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a check sees its own file, and what else the manifest names."""
    job, _ = scene_of_crime
    monkeypatch.setattr("harness.executors.installations.homes", lambda: (job.folder.resolve(),))
    (job.folder / "checks.py").write_text(
        "import os\ndef check(items, records, context):\n"
        "    return {'A': sorted(os.listdir(os.path.dirname(__file__)))}\n"
    )
    named = replace(job, named=(job.folder / "data.txt",))
    with closing(Bounded(sandboxes=_sandboxes(named))) as bounded:
        found = bounded.python(job.folder / "checks.py", "check", [], {}, {}, 20)
    assert [reason.facts["message"] for reason in found["A"]] == ["checks.py", "data.txt"]


@pytest.mark.parametrize(
    ("body", "freedom"),
    [
        ("import socket; socket.create_connection(('127.0.0.1', {port}), 5)", "network"),
        ("import urllib.request as u; u.urlopen('http://nowhere.invalid/')", "network"),
        ("open('{folder}/new', 'w')", "write"),
        ("open('{home}/.ssh/id_ed25519')", "everything"),
        ("import subprocess; subprocess.run(['{home}/tool'])", "everything"),
        ("open('{folder}/nowhere')", None),
        ("1 / 0", None),
        ("open(records['A'][0]['path'])", None),
    ],
)
def test_what_the_sandbox_kept_a_check_from_is_known(
    body: str, freedom: Any, scene_of_crime: tuple[Job, dict[str, Any]]
) -> None:
    """And a record that names a path outside has done that itself."""
    job, place = scene_of_crime
    (tool := Path(place["home"], "tool")).write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    text = f"def check(items, records, context):\n    {body.format_map(place)}\n    return {{}}\n"
    (job.folder / "checks.py").write_text(text)
    records = {"A": [{"path": f"{place['home']}/.ssh/id_ed25519"} if "records" in body else {}]}
    with closing(Bounded(sandboxes=_sandboxes(job))) as bounded, pytest.raises(BoundedError) as caught:
        bounded.python(job.folder / "checks.py", "check", [], records, {}, 20)
    assert caught.value.denied == freedom
    if freedom:
        assert f"allow: {freedom}" in cure(freedom)


def test_a_module_that_lies_elsewhere_is_told_from_one_that_is_nowhere(
    scene_of_crime: tuple[Job, dict[str, Any]], tmp_path: Path
) -> None:
    job, _ = scene_of_crime
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "shared_checks.py").write_text("")
    (job.folder / "shared_checks.py").symlink_to(tmp_path / "elsewhere" / "shared_checks.py")
    with closing(Bounded(sandboxes=_sandboxes(job))) as bounded:
        for module, freedom in (("shared_checks", "everything"), ("nowhere_at_all", None)):
            (job.folder / "checks.py").write_text(f"import {module}\ndef check(items, records, context): return {{}}\n")
            with pytest.raises(BoundedError, match="No module named") as caught:
                bounded.check_python(job.folder / "checks.py", "check", 20)
            assert caught.value.denied == freedom


def test_a_check_outside_of_the_folder_finds_what_lies_beside_it(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "shared"
    outside.mkdir()
    (outside / "words.py").write_text("WORD = 'found'\n")
    (outside / "checks.py").write_text("import words\ndef check(i, r, c): return {'A': [words.WORD]}\n")
    (bench.folder / "link.py").symlink_to(outside / "checks.py")
    phase = bench.job().phases[0]
    checks = tuple(CheckSpec("python", None, python=(path, "check")) for path in (outside / "checks.py",))
    job = bench.job(phases=(replace(phase, output=replace(phase.output, checks=checks)),))
    with closing(Bounded(sandboxes=_sandboxes(job))) as bounded:
        said = bounded.python(outside / "checks.py", "check", [], {}, {}, 20)["A"]
        assert [reason.facts["message"] for reason in said] == ["found"]


def test_a_command_that_cannot_be_found_in_the_sandbox_is_not_a_verdict(bench: Bench) -> None:
    bench.folder.joinpath("check.sh").write_text("#!/nowhere/at/all\n")
    bench.folder.joinpath("check.sh").chmod(0o755)
    with closing(Bounded(sandboxes=_sandboxes(bench.job()))) as bounded:
        with pytest.raises(CommandError) as caught:
            run_command((str(bench.folder / "check.sh"),), b"{}", 20, bounded)
        assert caught.value.kind == "not_run" and caught.value.denied == "everything"
        sandbox = bounded.sandboxes.sandbox(NOTHING) if bounded.sandboxes else None
        assert sandbox is not None
        broken_sandbox = replace(
            sandbox, argv=(sandbox.argv[0], "--ro-bind", "/nowhere", "/nowhere", *sandbox.argv[1:])
        )

        class Broken:
            folder = bench.folder

            def sandbox(self, *_: object) -> SandboxCommand:
                return broken_sandbox

        with closing(Bounded(sandboxes=Broken())) as broken:
            with pytest.raises(CommandError, match=r"did not start: bwrap: .*nowhere"):
                run_command(("/bin/true",), b"{}", 20, broken)
            with pytest.raises(BoundedError, match=r"did not start: bwrap: .*nowhere"):
                broken.check_jq(".", ())


def test_limits_of_time_and_memory_hold_in_a_sandbox(bench: Bench) -> None:
    (bench.folder / "checks.py").write_text(
        "def check(items, records, context):\n    exec(items[0])\n    return {'A': ['alive']}\n"
    )
    with closing(Bounded(sandboxes=_sandboxes(bench.job()))) as bounded:

        def play(text: str, timeout_s: float = 20) -> Any:
            return bounded.python(bench.folder / "checks.py", "check", [text], {}, {}, timeout_s)

        for text, kind, timeout_s in (
            ("bytearray(2**30)", "memory", 20),
            ("import os; os.abort()", "crashed", 20),
            ("import signal; signal.pause()", "timeout", 0.2),
        ):
            with pytest.raises(BoundedError) as caught:
                play(text, timeout_s)
            assert caught.value.kind == kind, text
        assert play("pass")["A"][0].facts["message"] == "alive"


SUPERVISOR = """
import sys, threading
from pathlib import Path
sys.path.insert(0, {root!r})
from harness.evaluation.bounded import Bounded
from harness.executors.check_bubblewrap import JobSandboxes
from harness.executors.bubblewrap import Bubblewrap
from harness.job.load import load

job = load(Path({folder!r}) / "job.yaml")
bounded = Bounded(sandboxes=JobSandboxes(Bubblewrap("bwrap", (job.folder, job.state)), job))
first = threading.Thread(target=bounded.check_jq, args=(".", ()))
first.start()
first.join()
assert bounded.jq(".", [1], {{}}) == [[1]]
child = bounded._child._child._process.pid
assert bounded._child._child.has_ended() is False
print(child, flush=True)
bounded.python(Path({folder!r}) / "checks.py", "check", [], {{}}, {{}}, 100)
"""


def test_a_sandbox_outlives_the_thread_that_made_it_and_dies_with_the_supervisor(tmp_path: Path) -> None:
    """What the check has started outside of its group too."""
    (tmp_path / "items.csv").write_text("id\na\n")
    (tmp_path / "checks.py").write_text(
        "import os, signal, subprocess\n"
        "def check(items, records, context):\n"
        "    subprocess.Popen(['/bin/sh', '-c', 'read never'], stdin=os.pipe()[0], start_new_session=True)\n"
        "    os.setsid()\n"
        "    signal.pause()\n"
    )
    (tmp_path / "job.yaml").write_text(
        "items: {file: items.csv}\nsession: {backend: command, command: [python3, checks.py]}\n"
        'output: {check: [{python: "checks.py:check"}]}\n'
    )
    program = SUPERVISOR.format(root=str(Path(__file__).parents[2]), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        shell = int(supervisor.stdout.readline())
        while not any(b"read never" in _cmdline(pid) for pid in _below(shell)):
            assert supervisor.poll() is None
        family = [shell, *_below(shell)]
        assert len(family) >= 5, family
        supervisor.send_signal(signal.SIGKILL)
    assert [pid for pid in family if not goes(pid)] == []


def _below(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_where_sessions_have_no_kernel_sandbox_checks_have_none_and_it_is_said(bench: Bench) -> None:
    assert sandboxes_of(NoSandbox("off"), bench.job()) is None
    for sandbox in (NoSandbox("off"), NoSandbox("permissions")):
        assert "checks and scenes" in " ".join(sandbox.weaknesses().values())
        assert choose_sandboxes(bench.job(sandbox=sandbox.name)) is None
    assert choose_sandboxes(bench.job(), search_path="/nowhere") is None
    assert isinstance(choose_sandboxes(bench.job()), JobSandboxes)


def test_what_the_sandbox_kept_a_check_from_is_no_items_doing(bench: Bench, tmp_path: Path) -> None:
    """Whatever it says of other items; any other way to raise at one of them is that one's strike."""
    (folder := tmp_path / "court").mkdir()
    bounded = Bounded(sandboxes=_sandboxes(bench.job(folder=folder)))
    court = Court(folder, bounded)
    court.python(
        "import socket\ndef check(items, records, context):\n"
        "    for id in records:\n        if records[id][0].get('n') == 2:\n            exec(records[id][0]['do'])\n"
        "    return {'A3': ['no']} if 'A3' in records else {}\n"
    )
    fault = {"id": "A2", "n": 2, "do": "socket.create_connection(('127.0.0.1', 1))"}
    with closing(bounded):
        judged = court.judge([{"id": "A1"}, fault, {"id": "A3"}])
        assert judged.raised_check is not None and judged.broken_check is None
        assert outcome_of(judged) == {"A1": [], "A2": [], "A3": [Reason.of_check("no")]}
        assert fault_text(judged.raised_check.why).endswith(cure("network"))
        assert judged.raised_check.evidence["barred"] == "network"
        judged = court.judge([{"id": "A1"}, {**fault, "do": "1 / 0"}, {"id": "A3"}])
        assert judged.raised_check is None and isinstance(judged.verdicts[ItemId("A1")], Accepted)
        assert "ZeroDivisionError" in reasons_for(judged, "A2")[0].facts["message"]


def test_a_scene_that_lacks_something_hears_which_word_gives_it(bench: Bench) -> None:
    scene = bench.folder / "scene.py"
    scene.write_text("def scene(ask):\n    open(__file__ + '.log', 'w')\n")
    sandboxes = _sandboxes(bench.job())
    sandbox = sandboxes.sandbox(NOTHING, (Path(sys.executable),), (Path(harness.__file__).parent,))
    stage = SceneStage(scene, sandbox=sandbox)
    with pytest.raises(SceneError, match=r"scene.py:2: OSError: .* write `allow: write` beside it"):
        asyncio.run(stage.answer(question_of({}, None, None, 0, RequestHistory(bench.folder / "log")).ask))
    stage.close()
