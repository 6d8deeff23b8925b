"""Laws of sessions at a terminal: the real interactive CLI in the sandbox, a rehearsal server for the model."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.backends import cli_start, terminal, terminal_window
from harness.backends.credentials import rehearsal_credential
from harness.backends.start_request import Launch
from harness.base.descriptors import passed_as_descriptors
from harness.base.marks import TOKEN_MARK, marked
from harness.core.reserve import reservation, worst_of
from harness.core.types import Ending
from harness.core.work import AttemptSpec
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.containment import NoSandbox
from harness.job.backend_kinds import Backend
from harness.job.job import PhaseSpec
from harness.views.fault_words import fault_text
from harness.workspaces.empty import EmptyWorkspace
from tests.executors.staging import Stage, staged

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

pytestmark = [pytest.mark.linux, pytest.mark.session]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, make_bench: Any) -> Iterator[Stage]:
    bench = make_bench(tmp_path_factory.mktemp("stage"))
    with bench.guardian, staged(bench) as stage:
        yield stage


def at_terminal(stage: Stage, *ids: str, **session: Any) -> AttemptSpec:
    return stage.spec(*ids, backend="terminal", **session)


def test_a_session_at_a_terminal_does_what_one_in_json_does(stage: Stage) -> None:
    """With a key, which the CLI asks about; a long prompt with tabs, `!`, `@` and `/` at its ends; the same facts."""
    prompt = "/clear is no command\n\t! @/etc/passwd 中文\tone\n" + "row\tof\tdata\n" * 5000 + "!do what stands above"
    spec = at_terminal(stage, "a", "b", prompt=prompt)

    async def run() -> Ending:
        executor = stage.bench.executor(stage.sandbox, rehearsal_credential(stage.server.url, "api_key"))
        return await executor.run(spec, stage.bench.hear)

    stage.bench.events.clear()
    ending = asyncio.run(run())
    assert ending.fault is None, ending
    assert [record["id"] for record in json.loads(stage.bench.content(ending))] == ["a", "b"]
    facts, asked = ending.facts, stage.requests(spec)
    billed = sum(Decimal(entry["cost_usd"]) for entry in asked)
    assert facts.cost_usd is not None and abs(facts.cost_usd - billed) < Decimal("1e-9")
    assert facts.counted_usd == billed
    assert (facts.model, facts.turns, facts.said, facts.broken_answers) == ("claude-sonnet-5-5", 2, "all done", 0)
    assert facts.session_id == spec.session_id and facts.cli_version is not None
    kinds = [event.kind for event in stage.bench.events]
    assert kinds[:3] == ["started", "responded", "tool"] and kinds[-1] == "ended"
    assert ending.notes == (), "the prompt arrived as it is"
    lines = [json.loads(line) for line in (spec.folder / "stream.jsonl").read_text().splitlines()]
    (sent,) = (line["message"]["content"] for line in lines if isinstance(line.get("message", {}).get("content"), str))
    assert sent == f"\n{prompt}"
    assert not (spec.folder / terminal.SCREEN_FILE).exists()
    salvaged = asyncio.run(stage.bench.executor(stage.sandbox).salvage(spec.identity, spec.work))
    assert (salvaged.facts, salvaged.artifacts) == (facts, ending.artifacts)
    assert marked(TOKEN_MARK, spec.token) == []


def test_an_interrupt_is_an_escape_and_the_cost_is_known(stage: Stage) -> None:
    spec = at_terminal(stage, "hang", tools=("Bash",))

    async def run() -> Ending:
        executor = stage.bench.executor(stage.sandbox, rehearsal_credential(stage.server.url))
        tool = asyncio.Event()
        stage.bench.on_event = lambda event: tool.set() if event.kind == "tool" else None
        running = asyncio.create_task(executor.run(spec, stage.bench.hear))
        await tool.wait()
        await executor.interrupt(spec.token)
        return await running

    ending = asyncio.run(run())
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("cancelled", "operator")
    assert ending.facts.cost_usd is not None and ending.facts.cost_usd > 0
    assert marked(TOKEN_MARK, spec.token) == []
    kept = (spec.folder / "stream.jsonl").read_text()
    assert "[Request interrupted by user for tool use]" in kept, "the CLI was asked before it was ended"


def test_S04_P19_the_caps_that_the_interactive_cli_does_not_know_are_ours(stage: Stage) -> None:
    endless = asyncio.run(stage.run(at_terminal(stage, "fault-endless", max_turns=3)))
    assert endless.fault is not None
    assert endless.fault.kind == "turn_limit"
    assert 3 <= (endless.facts.turns or 0) < 20, "what was under way when the third was heard of"
    paid = asyncio.run(stage.run(at_terminal(stage, "paid")))
    assert paid.fault is not None and paid.fault.kind == "session_budget"
    assert paid.facts.cost_usd is not None and paid.facts.cost_usd > 1


def test_two_worst_responses_are_reserved_where_a_request_may_be_under_way(bench: "Bench") -> None:
    job = replace(bench.job(), budget_per_session=Decimal(1))

    def reserved(backend: Backend) -> int:
        session = replace(job.phases[0].session, backend=backend, model="sonnet")
        phase: PhaseSpec = replace(job.phases[0], session=session)
        return reservation(job, phase)

    asking = replace(job.phases[0], session=replace(job.phases[0].session, backend="claude", model="sonnet"))
    worst = int(worst_of(job, asking) * 1_000_000)
    assert (reserved("claude"), reserved("terminal")) == (1_000_000 + worst, 1_000_000 + 2 * worst)


def test_S15_an_unknown_question_stops_the_job_with_its_screen_and_no_key_is_hit(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "claude"
    heard = bench.folder / "heard"
    program.write_text(
        "#!/usr/bin/python3\nimport sys, tty\ntty.setraw(0)\n"
        "sys.stdout.write('\\r\\n Allow telemetry?\\r\\n \\u276f Yes\\r\\n   No\\r\\n'); sys.stdout.flush()\n"
        f"open({str(heard)!r}, 'w').write(sys.stdin.read(1))\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(cli_start, "cli_folder", lambda: tmp_path)
    monkeypatch.setattr(terminal_window, "PUZZLED_S", 0.3)
    session = replace(bench.job().phases[0].session, backend="terminal", model="sonnet", command=())
    spec = bench.attempt(session)
    credential = rehearsal_credential("http://127.0.0.1:9")
    ending = asyncio.run(bench.run(spec, NoSandbox("permissions"), credential=credential))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("unknown_question", "config")
    assert "Allow telemetry? ❯ Yes No" in fault_text(ending.fault.why)
    assert "Allow telemetry?" in (spec.folder / terminal.SCREEN_FILE).read_text()
    assert not heard.exists() or heard.read_text() == ""


def test_a_process_that_dies_at_once_is_the_machines_fault_and_is_not_waited_for(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "claude").write_text("#!/bin/sh\necho no network\nexit 1\n")
    (tmp_path / "claude").chmod(0o755)
    monkeypatch.setattr(cli_start, "cli_folder", lambda: tmp_path)
    session = replace(bench.job().phases[0].session, backend="terminal", model="sonnet", command=())
    spec = bench.attempt(session)
    ending = asyncio.run(
        bench.run(spec, NoSandbox("permissions"), credential=rehearsal_credential("http://127.0.0.1:9"))
    )
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("crashed", "host")
    assert "no network" in (spec.folder / terminal.SCREEN_FILE).read_text()


def test_nothing_that_bash_starts_can_write_on_the_screen(bench: "Bench") -> None:
    """Bubblewrap makes the terminal the console of the sandbox, which a tool may write to."""
    sandbox = Bubblewrap("bwrap")
    folder = AttemptFolder(bench.folder / "attempt", EmptyWorkspace())
    folder.work.mkdir(parents=True)
    folder.tmp.mkdir()
    master, slave = os.openpty()
    try:
        for terminal_ in (None, slave):
            program = ("/bin/sh", "-c", "echo FORGED >/dev/console; echo PRINTED")
            wrapped = sandbox.wrap(folder, Launch(program, {"PATH": os.defpath}, terminal=terminal_))
            with passed_as_descriptors(wrapped.argv, wrapped.contents) as (argv, descriptors):
                subprocess.run(argv, stdin=slave, stdout=slave, pass_fds=descriptors, check=True, env=wrapped.env)
        shown = os.read(master, 65536).split()
    finally:
        os.close(master)
        os.close(slave)
    assert shown == [b"FORGED", b"PRINTED", b"PRINTED"], "the first, without the bind, shows that it matters"
