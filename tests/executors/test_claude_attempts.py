"""Laws of Claude sessions: the real CLI and SDK, a rehearsal server for the model."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.backends.credentials import Credential, rehearsal_credential
from harness.base.marks import TOKEN_MARK, marked
from harness.core.types import Ending
from harness.executors.containment import NoSandbox
from harness.rehearsal.request_log import read_log
from harness.views.fault_words import fault_text

if TYPE_CHECKING:
    from tests.executors.conftest import Bench
from tests.covers import covers
from tests.executors.staging import Stage, staged
from tests.specs import altered

pytestmark = pytest.mark.linux


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, make_bench: Any) -> Iterator[Stage]:
    bench = make_bench(tmp_path_factory.mktemp("stage"))
    with bench.guardian, staged(bench) as stage:
        yield stage


@covers("F173")
@pytest.mark.parametrize("sandbox", ["bubblewrap", "permissions"])
def test_a_session_writes_its_file_and_tells_its_cost(stage: Stage, sandbox: str) -> None:
    spec = stage.spec("a", "b")
    ending = asyncio.run(stage.run(spec, stage.sandbox if sandbox == "bubblewrap" else NoSandbox("permissions")))
    assert ending.fault is None
    assert [record["id"] for record in json.loads(stage.bench.content(ending))] == ["a", "b"]
    facts = ending.facts
    assert facts.session_id == spec.session_id
    assert facts.model == "claude-sonnet-5-5"
    assert facts.turns == 2
    assert facts.cost_usd is not None
    billed = sum(Decimal(entry["cost_usd"]) for entry in stage.requests(spec))
    assert abs(facts.cost_usd - billed) < Decimal("1e-9"), "the CLI adds up floats"
    assert facts.output_tokens == sum(entry["usage"]["output_tokens"] for entry in stage.requests(spec))
    assert facts.said == "all done"
    assert facts.reached_model
    kinds = [event.kind for event in stage.bench.events]
    assert kinds[:3] == ["started", "responded", "tool"]
    assert kinds[-1] == "ended"


@covers("A81")
def test_every_line_is_on_disk_and_can_be_read_again(stage: Stage) -> None:
    spec = stage.spec("a")
    ending = asyncio.run(stage.run(spec))
    lines = [json.loads(line) for line in (spec.folder / "stream.jsonl").read_text().splitlines()]
    assert {"system", "assistant", "user", "result"} <= {line["type"] for line in lines}
    salvaged = asyncio.run(stage.bench.executor(stage.sandbox).salvage(spec.identity, spec.work))
    assert salvaged.facts == ending.facts
    assert salvaged.artifacts == ending.artifacts


def test_the_prefix_is_the_same_bytes_for_every_attempt_of_a_phase(stage: Stage) -> None:
    """Tools and system prompt: other folder, other prompt, other items, and whatever the sandbox."""
    specs = [stage.spec("a", prompt="First prompt."), stage.spec("b", "c", prompt="Another one altogether.")]
    for spec in specs:
        asyncio.run(stage.run(spec))
    prefixes = {stage.requests(spec)[0]["breakpoints"][0][0] for spec in specs}
    assert len(prefixes) == 1
    assert stage.requests(specs[1])[0]["cached_chars"] > 0


def test_an_interrupt_ends_a_hanging_tool_and_the_cost_is_known(stage: Stage) -> None:
    spec = stage.spec("hang", tools=("Bash",))

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
    assert ending.facts.cost_usd is not None
    assert ending.facts.cost_usd > 0
    assert marked(TOKEN_MARK, spec.token) == []


def test_a_hard_interrupt_leaves_no_process_and_no_known_cost(stage: Stage) -> None:
    spec = stage.spec("hang", tools=("Bash",))

    async def run() -> Ending:
        executor = stage.bench.executor(stage.sandbox, rehearsal_credential(stage.server.url))
        tool = asyncio.Event()
        stage.bench.on_event = lambda event: tool.set() if event.kind == "tool" else None
        running = asyncio.create_task(executor.run(spec, stage.bench.hear))
        await tool.wait()
        await executor.interrupt(spec.token, hard=True)
        return await running

    ending = asyncio.run(run())
    assert ending.fault is not None
    assert ending.fault.kind == "cut_off"
    assert ending.facts.cost_usd is None
    assert marked(TOKEN_MARK, spec.token) == []


@pytest.mark.parametrize(
    ("fault", "kind", "blame"),
    [
        ("refusal", "refused", "session"),
        ("toolong", "too_long", "session"),
        ("max_tokens", "output_limit", "session"),
        ("credit", "credit", "config"),
        ("403", "forbidden", "config"),
        ("model404", "unknown_model", "config"),
        ("529", "overloaded", "provider"),
    ],
)
def test_S08_what_the_provider_says_is_told_by_fields(stage: Stage, fault: str, kind: str, blame: str) -> None:
    ending = asyncio.run(stage.run(stage.spec(f"fault-{fault}")))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == (kind, blame), ending.fault


def test_P05_a_usage_limit_ends_the_session_with_its_reset(bench: "Bench") -> None:
    with staged(bench) as stage:
        ending = asyncio.run(stage.run(stage.spec("fault-limit")))
    assert ending.fault is not None
    assert ending.fault.kind == "usage_limit"
    assert ending.fault.until is not None
    assert timedelta(0) < ending.fault.until - datetime.now(UTC) < timedelta(minutes=2)
    assert any(event.kind == "limit" and event.until for event in stage.bench.events)


def test_O14_a_good_file_is_kept_when_the_provider_fails_afterwards(stage: Stage) -> None:
    ending = asyncio.run(stage.run(stage.spec("after-1")))
    assert ending.fault is not None
    assert ending.fault.blame == "provider"
    assert len(json.loads(stage.bench.content(ending))) == 1


def test_S03_a_model_that_stays_silent_is_the_providers_fault(stage: Stage) -> None:
    ending = asyncio.run(stage.run(stage.spec("fault-hang", silence=timedelta(seconds=1.5))))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("silent", "provider")


def test_S04_an_endless_session_meets_its_turn_limit(stage: Stage) -> None:
    ending = asyncio.run(stage.run(stage.spec("fault-endless", max_turns=3)))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("turn_limit", "session")


def test_S10_a_session_that_ends_with_a_question_has_no_output_and_its_words_are_kept(stage: Stage) -> None:
    ending = asyncio.run(stage.run(stage.spec("asks")))
    assert (ending.fault, ending.artifacts) == (None, ())
    assert ending.facts.said == "Shall I write the file?"
    assert [fault.name for fault in ending.output_faults] == ["output.json"]


def test_P19_a_session_that_spends_its_cap_is_ended_by_it(stage: Stage) -> None:
    ending = asyncio.run(stage.run(stage.spec("paid")))
    assert ending.fault is not None
    assert ending.fault.kind == "session_budget"
    assert ending.facts.cost_usd is not None
    assert ending.facts.cost_usd > 1


def test_P19_a_session_whose_answers_break_off_is_ended_at_its_cap_and_that_is_not_its_own_doing(stage: Stage) -> None:
    """What the CLI tells leaves these answers out; one of which nothing was seen is charged its input only."""
    spec = altered(stage.spec("fault-cut"), cost_usd=Decimal("0.05"))
    ending = asyncio.run(stage.run(spec))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("network", "provider")
    assert "answers that broke off" in fault_text(ending.fault.why)
    own = [request for request in read_log(stage.server.log) if request.session == spec.session_id]
    billed = sum((request.cost_usd or Decimal(0) for request in own), Decimal(0))
    assert 1 <= len(own) <= 7, "0.05 by the input of one, and the one that had begun by then"
    assert ending.facts.cost_usd is not None
    assert ending.facts.counted_usd is not None
    assert ending.facts.cost_usd < billed < ending.facts.counted_usd < Decimal("0.16")


def test_S09_a_write_elsewhere_is_denied_by_the_rules_where_there_is_no_kernel_sandbox(stage: Stage) -> None:
    outside = stage.bench.folder / "outside.txt"
    credential = rehearsal_credential(stage.server.url)
    executor = stage.bench.executor(NoSandbox("permissions"), credential, vars={"outside": str(outside)})
    ending = asyncio.run(executor.run(stage.spec("outside"), stage.bench.hear))
    assert not outside.exists()
    assert ending.fault is not None
    assert ending.fault.kind == "denied"
    assert str(outside)[:40] in fault_text(ending.fault.why)


def test_I08_a_write_elsewhere_goes_nowhere_in_the_sandbox(stage: Stage) -> None:
    outside = stage.bench.folder / "outside.txt"
    credential = rehearsal_credential(stage.server.url)
    executor = stage.bench.executor(stage.sandbox, credential, vars={"outside": str(outside)})
    ending = asyncio.run(executor.run(stage.spec("outside"), stage.bench.hear))
    assert not outside.exists()
    assert ending.artifacts == ()


@pytest.mark.parametrize("sandbox", ["bubblewrap", "permissions"])
def test_a_session_reads_the_copy_of_an_items_file(stage: Stage, sandbox: str) -> None:
    scan = stage.bench.folder / "scan.txt"
    scan.write_text("words of the scan")
    spec = stage.spec("lookaround")
    spec = altered(spec, items=(replace(spec.items[0], file=scan),))
    ending = asyncio.run(stage.run(spec, stage.sandbox if sandbox == "bubblewrap" else NoSandbox("permissions")))
    assert ending.fault is None
    assert "words of the scan" in json.loads(stage.bench.content(ending))[0]["seen"]


def test_I10_the_credential_is_in_no_file_of_the_attempt_and_in_no_argument(stage: Stage) -> None:
    spec = stage.spec("environment", tools=("Bash",))
    ending = asyncio.run(stage.run(spec))
    secret = rehearsal_credential(stage.server.url).secret.encode()
    assert ending.fault is None
    files = [path for path in spec.folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if secret in path.read_bytes()] == []
    shown = (spec.folder / "stream.jsonl").read_text()
    assert "CLAUDE_CONFIG_DIR" in shown
    assert str(Path.home()) not in shown or Path.home() == Path("/root")


@pytest.mark.parametrize(
    ("scenario", "kind", "blame"),
    [
        ("mute", "no_first_event", "host"),
        ("deaf", "crashed", "host"),
        ("junk", None, None),
        ("bigline", "output_limit", "session"),
        ("flood", "too_big", "session"),
        ("odd", None, None),
        ("torrent", "too_big", "session"),
        ("no-result", "crashed", "host"),
        ("stays", None, None),
    ],
)
def test_S11_S12_a_cli_that_misbehaves_is_survived(
    stage: Stage, scenario: str, kind: str | None, blame: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    misbehave(monkeypatch, tmp_path, scenario)
    monkeypatch.setattr("harness.backends.transport._STAY_S", 0.5)
    if scenario == "torrent":
        monkeypatch.setattr("harness.backends.transport.MOST_STREAM_BYTES", 1024**2)
    spec = stage.spec("a", first_event=timedelta(seconds=1.5))
    ending = asyncio.run(stage.run(spec))
    found = (ending.fault.kind, ending.fault.blame) if ending.fault else (None, None)
    assert found == (kind, blame), ending
    assert marked(TOKEN_MARK, spec.token) == []


def test_a_refusal_switches_to_a_named_model_only_and_the_answer_names_who_gave_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = asyncio.run(stage.run(stage.spec("switch")))
    assert refused.fault is not None
    assert (refused.fault.kind, refused.artifacts, refused.facts.unasked) == ("refused", (), ())
    named = asyncio.run(stage.run(stage.spec("switch", fallback=("sonnet-5",))))
    assert named.fault is None
    assert (named.facts.model, named.facts.unasked) == ("claude-sonnet-5", ())
    monkeypatch.setattr("harness.backends.model_switches._NO_FALLBACK", {})
    switched = asyncio.run(stage.run(stage.spec("switch")))
    assert switched.artifacts, "without the switch the CLI goes on with another model by itself"
    assert switched.facts.unasked == ("claude-sonnet-5",)


def misbehave(monkeypatch: pytest.MonkeyPatch, folder: Path, scenario: str) -> None:
    stub = (Path(__file__).parent.parent / "stubs" / "speaker.py").read_text()
    (folder / "claude").write_text(f"#!/usr/bin/python3\nSCENARIO = {scenario!r}\n{stub}")
    (folder / "claude").chmod(0o755)
    monkeypatch.setattr("harness.backends.cli_start.cli_folder", lambda: folder)


def test_I10_a_session_that_says_its_credential_is_not_quoted_anywhere(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    misbehave(monkeypatch, tmp_path, "echo")
    spec = stage.spec("a")
    ending = asyncio.run(stage.run(spec))
    secret = rehearsal_credential(stage.server.url).secret
    kept = [path.read_text() for path in spec.folder.rglob("*") if path.is_file()]
    assert sum(text.count("[secret]") for text in kept) == 4
    assert secret not in "".join(kept)
    assert secret not in repr(ending)
    assert secret not in repr(stage.bench.events)
    assert ending.fault is not None
    assert "[secret]" in fault_text(ending.fault.why)


def test_S18_a_missing_cli_is_for_a_person_to_mend(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("harness.backends.cli_start.cli_folder", lambda: tmp_path / "nothing")
    ending = asyncio.run(stage.run(stage.spec("a"), NoSandbox("permissions")))
    assert ending.fault is not None
    assert (ending.fault.kind, ending.fault.blame) == ("cli_missing", "config")


def test_what_a_request_carries(stage: Stage, capture: Any) -> None:
    """The standing instructions are in the system prompt, the prompt is in the message, max_output is asked for."""
    spec = stage.spec("a", prompt="@/etc/passwd /help PROMPT-TEXT", instructions="STANDING-INSTRUCTIONS")

    async def run() -> tuple[Ending, list[dict[str, Any]]]:
        async with capture(stage.server.port) as (port, bodies):
            url = f"http://127.0.0.1:{port}{stage.server.path}"
            credential = Credential("api_key", "sk-ant-api03-dummy-dummy", url, rehearsal=True)
            ending = await stage.bench.executor(stage.sandbox, credential).run(spec, stage.bench.hear)
            return ending, bodies

    ending, bodies = asyncio.run(run())
    assert ending.fault is None
    body = bodies[0]
    assert body["max_tokens"] == 16000
    assert "STANDING-INSTRUCTIONS" in json.dumps(body["system"])
    assert "PROMPT-TEXT" not in json.dumps(body["system"])
    assert "@/etc/passwd /help PROMPT-TEXT" in json.dumps(body["messages"][0])
    assert "root:" not in json.dumps(body["messages"])
    names = {tool["name"] for tool in body["tools"]}
    assert {"Read", "Write"} <= names
    assert not {"Bash", "Edit", "WebFetch", "Agent", "Skill"} & names
