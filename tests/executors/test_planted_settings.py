"""Laws of planted settings: nothing that lies in a session's folder, or above it, tells the real CLI anything."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.backends import claude, cli_start
from harness.backends.credentials import Credential
from harness.base.ids import ItemId
from harness.core.types import Ending, Item
from harness.executors.containment import NoSandbox
from tests.executors.staging import Stage, staged
from tests.specs import altered

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

pytestmark = pytest.mark.linux
HOOKS = ("SessionStart", "UserPromptSubmit", "PreToolUse", "Stop")


@pytest.fixture
def stage(bench: "Bench") -> Iterator[Stage]:
    with staged(bench) as stage:
        yield stage


def plant(folder: Path, traces: str) -> None:
    """Everything that somebody's tool loads by itself; what runs leaves a file in `traces`."""
    files = {
        ".claude/settings.json": json.dumps(
            {
                "env": {"PLANTED": "PLANTED-ENV"},
                "hooks": {
                    name: [{"matcher": "", "hooks": [{"type": "command", "command": f"touch {traces}/ran-{name}"}]}]
                    for name in HOOKS
                },
            }
        ),
        ".claude/skills/planted/SKILL.md": "---\nname: planted\ndescription: PLANTED-SKILL\n---\nPLANTED-SKILL",
        ".claude/agents/planted.md": "---\nname: planted\ndescription: PLANTED-AGENT\n---\nPLANTED-AGENT",
        ".claude/CLAUDE.md": "PLANTED-MEMORY",
        "CLAUDE.md": "PLANTED-MEMORY",
        "CLAUDE.local.md": "PLANTED-MEMORY",
        "AGENTS.md": "PLANTED-MEMORY",
        ".mcp.json": json.dumps({"mcpServers": {"planted": {"command": "touch", "args": [f"{traces}/ran-mcp"]}}}),
        ".git/HEAD": "ref: refs/heads/PLANTED-BRANCH\n",
        ".git/config": f"[core]\n\tfsmonitor = touch {traces}/ran-fsmonitor\n",
        ".git/hooks/post-checkout": f"#!/bin/sh\ntouch {traces}/ran-git\n",
        ".envrc": "export PLANTED=PLANTED-ENVRC",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)


def play(stage: Stage, sandbox: Any, capture: Any) -> tuple[Ending, str, list[str]]:
    """A session in a folder full of settings, with more of them in an item's file and above it: its ending, all that
    the model was told and the stream said, and what ran."""
    bench, spec = stage.bench, stage.spec("lookaround")
    work = spec.folder / "work"
    inbox = bench.folder / "inbox"
    inbox.mkdir()
    (inbox / "scan.txt").write_text("words of the scan")
    (inbox / "CLAUDE.md").write_text("PLANTED-INPUT")
    items = (replace(spec.items[0], file=inbox / "scan.txt"), Item(ItemId("b"), {}, file=inbox / "CLAUDE.md"))
    plant(work, "/mnt/work" if sandbox.is_kernel_sandbox else str(work))
    plant(bench.folder, str(work))

    async def run() -> tuple[Ending, list[dict[str, Any]]]:
        async with capture(stage.server.port) as (port, bodies):
            url = f"http://127.0.0.1:{port}{stage.server.path}"
            credential = Credential("api_key", "sk-ant-api03-dummy-dummy", url, rehearsal=True)
            return await bench.executor(sandbox, credential).run(altered(spec, items=items), bench.hear), bodies

    ending, bodies = asyncio.run(run())
    told = json.dumps(bodies) + (spec.folder / "stream.jsonl").read_text()
    return ending, told, sorted(path.name for path in work.glob("ran-*"))


@pytest.mark.parametrize("sandbox", ["bubblewrap", "off"])
def test_I11_planted_settings_reach_nobody_and_run_nothing(stage: Stage, capture: Any, sandbox: str) -> None:
    ending, told, ran = play(stage, stage.sandbox if sandbox == "bubblewrap" else NoSandbox("off"), capture)
    assert ending.fault is None
    assert "words of the scan" in told
    assert "PLANTED" not in told
    assert ran == []
    (note,) = [note for note in ending.notes if note.kind == "settings_ignored"]
    assert {".claude", "CLAUDE.md", ".mcp.json", ".envrc", ".git", "input/CLAUDE.md"} <= set(note.facts["files"])


def test_I11_without_our_switches_all_of_it_would_be_loaded(
    stage: Stage, capture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what is planted here does work."""
    arguments, options = cli_start._arguments, claude._options
    switches = {name: value for name, value in cli_start.SWITCHES.items() if "GIT" not in name}
    ours = {"--setting-sources=": "--setting-sources=user,project,local", "--strict-mcp-config": "--verbose"}
    monkeypatch.setattr(cli_start, "SWITCHES", switches)
    monkeypatch.setattr(
        cli_start, "_arguments", lambda *args, **named: [ours.get(w, w) for w in arguments(*args, **named)]
    )
    monkeypatch.setattr(
        claude, "_options", lambda spec: replace(options(spec), setting_sources=["user", "project", "local"])
    )
    _, told, ran = play(stage, stage.sandbox, capture)
    assert [word for word in ("PLANTED-MEMORY", "PLANTED-BRANCH", "PLANTED-AGENT") if word not in told] == []
    assert {"ran-SessionStart", "ran-UserPromptSubmit", "ran-PreToolUse", "ran-mcp"} <= set(ran)
