"""The real Claude Code CLI against the rehearsal server: everything but the model is real."""

import asyncio
import json
import os
import signal
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import claude_agent_sdk
import pytest

from harness.rehearsal.process import RehearsalServer
from harness.rehearsal.request_log import LoggedRequest, account, read_log
from tests.covers import covers

CLI = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
API_KEY = {"ANTHROPIC_API_KEY": "rehearsal"}
PLAN = {"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-rehearsal"}


@dataclass(frozen=True)
class Played:
    """What one session left behind."""

    exit_code: int
    lines: list[dict[str, Any]]
    work: Path

    @property
    def result(self) -> dict[str, Any]:
        return next(line for line in reversed(self.lines) if line["type"] == "result")

    def output(self, name: str = "output.json") -> Any:
        return json.loads((self.work / name).read_text(encoding="utf-8"))

    def of(self, subtype: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if subtype in (line["type"], line.get("subtype"))]


async def session(
    server: RehearsalServer, folder: Path, session_id: str, credential: dict[str, str], **environment: str
) -> Played:
    home, config = folder / "home", folder / "config"
    process = await asyncio.create_subprocess_exec(
        *(str(CLI), "-p", "do it", "--model", "sonnet", "--session-id", session_id, "--tools", "Read,Write"),
        *("--permission-mode", "acceptEdits", "--output-format", "stream-json", "--verbose"),
        cwd=folder / "work",
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "CLAUDE_CONFIG_DIR": str(config),
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": server.url,
            "IS_SANDBOX": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
            "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
            **credential,
            **environment,
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaint = await process.communicate()
    assert process.returncode is not None
    assert output, complaint.decode()
    return Played(process.returncode, [json.loads(line) for line in output.splitlines()], folder / "work")


@pytest.fixture
def play(tmp_path: Path, state: Path, add_attempt: Any) -> Any:
    """play(*ids, faults, scene, credential, environment, **output) -> (Played, the log's new requests)."""
    numbers = iter(range(1, 100))

    def one(
        *ids: str,
        faults: str = "",
        scene: str = "",
        credential: dict[str, str] = API_KEY,
        environment: dict[str, str] | None = None,
        **output: Any,
    ) -> tuple[Played, list[LoggedRequest]]:
        folder = tmp_path / f"session{next(numbers)}"
        for name in ("work", "home", "config"):
            (folder / name).mkdir(parents=True)
        session_id = add_attempt(*ids, cwd=folder / "work", **output)
        file = tmp_path / "scenes.py" if scene else None
        if file:
            file.write_text(scene, encoding="utf-8")

        async def run() -> tuple[Played, list[LoggedRequest]]:
            async with await RehearsalServer.start(state, file, faults) as server:
                before = len(read_log(server.log))
                played = await session(server, folder, session_id, credential, **(environment or {}))
                return played, read_log(server.log)[before:]

        return asyncio.run(run())

    return one


@covers("A86")
def test_a_session_writes_its_records_and_costs_what_the_cli_says(play: Any, state: Path) -> None:
    played, requests = play("A1", "A2")
    assert played.exit_code == 0
    assert [record["id"] for record in played.output()] == ["A1", "A2"]
    assert [request.stop for request in requests] == ["tool_use", "end_turn"]
    assert requests[1].cached_chars == requests[0].written_chars > 0
    cost = account(state / "rehearsal" / "requests.jsonl").cost_usd
    assert cost == pytest.approx(Decimal(str(played.result["total_cost_usd"])))


def test_every_shape_is_written_and_half_a_file_becomes_a_whole_one(play: Any) -> None:
    by_key, requests = play("A1", "A2", shape="object", faults="half_file")
    assert set(by_key.output()) == {"A1", "A2"}
    assert [request.stop for request in requests] == ["tool_use", "tool_use", "end_turn"]  # half, whole, done
    assert play("A1", shape="one", file="report.json")[0].output("report.json")["id"] == "A1"
    played, _ = play("A1", "A2", shape="files", file="out/{id}.md", schema=None)
    assert sorted(path.name for path in (played.work / "out").iterdir()) == ["A1.md", "A2.md"]


def test_P01_two_overloads_are_healed_by_the_cli(play: Any) -> None:
    played, requests = play("A1", faults="529:2")
    assert played.exit_code == 0
    assert len(played.of("api_retry")) == 2
    assert [request.status for request in requests] == [529, 529, 200, 200]


def test_P05_a_plan_limit_is_told_with_its_reset(play: Any) -> None:
    played, requests = play("A1", faults="limit=3600", credential=PLAN)
    (told,) = played.of("rate_limit_event")
    assert told["rate_limit_info"]["status"] == "rejected"
    assert told["rate_limit_info"]["resetsAt"] == requests[0].until
    assert (played.exit_code, played.result["is_error"], len(requests)) == (1, True, 1)


def test_P14_a_refusal_is_a_refusal(play: Any) -> None:
    played, requests = play("A1", faults="refusal/A1")
    assert (played.exit_code, played.result["stop_reason"]) == (1, "refusal")
    assert {request.stop for request in requests} == {"refusal"}


def test_P16_after_cuts_the_cli_asks_without_a_stream_and_is_answered(play: Any) -> None:
    played, requests = play("A1", faults="cut:*", environment={"CLAUDE_CODE_MAX_RETRIES": "1"})
    written = [request for request in requests if request.stop == "tool_use" and not request.stream]
    assert len(written) == 1
    assert played.output()[0]["id"] == "A1"
    assert {request.fault for request in requests if request.stream} == {"cut"}


SCENE = """
from harness.rehearsal.scene import Ask, Records, Text, Tool, InjectedFault, Turn

def scene(ask):
    if ask.count("read") < 2:
        return Turn([Text("reading"), Tool("Read", {"file_path": ask.cwd + "/missing.txt"})], tag="read")
    return Records([{"id": id, "results": len(ask.tool_results), "prompt": ask.prompt} for id in ask.ids], "all done")
"""


def test_a_scene_leads_a_session_turn_by_turn(play: Any) -> None:
    played, requests = play("A1", scene=SCENE)
    assert [request.tags for request in requests] == [("read",), ("read",), (), ()]
    assert played.output() == [{"id": "A1", "results": 2, "prompt": "do it"}]
    assert played.result["result"] == "all done"


def test_a_wrong_scene_ends_a_session_at_once(play: Any) -> None:
    played, requests = play("A1", scene="def scene(ask):\n    return ask.nothing")
    assert played.exit_code == 1
    assert "scenes.py:2: AttributeError" in played.result["result"]
    assert len(requests) <= 2


def test_a_killed_server_goes_on_counting_where_it_was(
    play: Any, tmp_path: Path, state: Path, add_attempt: Any
) -> None:
    folder = tmp_path / "killed"
    for name in ("work", "home", "config"):
        (folder / name).mkdir(parents=True)
    session_id = add_attempt("A1", cwd=folder / "work")

    async def kill_in_the_middle() -> None:
        server = await RehearsalServer.start(state, None, "529:3")
        running = asyncio.ensure_future(session(server, folder, session_id, API_KEY, CLAUDE_CODE_MAX_RETRIES="1"))
        await running
        os.kill(server.pid, signal.SIGKILL)
        await server.stop()

    asyncio.run(kill_in_the_middle())
    played, requests = play("A1", faults="529:3")
    assert [request.status for request in requests] == [529, 200, 200]
    assert played.exit_code == 0
