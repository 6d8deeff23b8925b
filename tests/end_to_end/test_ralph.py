"""A Ralph loop plays three schools on the interactive CLI, started by the words that `harness ralph` prints.

With RALPH_PLUGIN=/path/to/ralph-loop it is that plugin, else a stand-in of ours with the same command, state file and
Stop hook: the real one is not ours to pass on.
"""

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from harness.backends.cli_start import cli_folder
from harness.backends.credentials import rehearsal_credential
from harness.backends.screen import COLUMNS, ROWS, Screen
from harness.rehearsal.process import RehearsalServer
from tests.covers import covers
from tests.end_to_end.playing import CEILING_S, ROOT

pytestmark = [pytest.mark.linux, pytest.mark.session]

STUBS = ROOT / "tests" / "stubs"
SCHOOLS = ["Boise State University", "University of Colorado", "Utah State University"]
MARK = """
import json, sys
told = json.load(open("batch_progress.json"))
told["completed"].append(told["pending"].pop(0))
json.dump(told, open("batch_progress.json", "w"))
"""
SCENE = """
from harness.rehearsal.scene import Text, Tool, Turn

def scene(ask):
    if ask.turn % 2:
        return Turn([Text("<promise>BATCH_COMPLETE</promise>" if ask.turn > 6 else "one more is done")])
    if ask.turn < 6:
        return Turn([Tool("Bash", {"command": "python3 mark.py"})])
    return Turn([Tool("Read", {"file_path": f"{ask.cwd}/batch_progress.json"})])
"""


class Desk:
    """A folder with the schools' loop, and a home in which Claude Code has the plugin."""

    def __init__(self, folder: Path) -> None:
        self.work, self.home, self.bin = folder / "work", folder / "home", folder / "bin"
        for made in (self.work, self.home, self.bin):
            made.mkdir(parents=True)
        (self.bin / "claude").symlink_to(cli_folder() / "claude")
        (self.work / "mark.py").write_text(MARK)
        (self.work / "scene.py").write_text(SCENE)
        shutil.copy(ROOT / "job.yaml", self.work)
        for name in ("data", "prompts", "checks", "scenes", "scripts"):
            shutil.copytree(ROOT / name, self.work / name)
        self.progress.write_text(
            json.dumps({"current_school": None, "completed": [], "failed": [], "pending": SCHOOLS})
        )
        self.env = {
            "PATH": f"{self.bin}:{Path(sys.executable).parent}:{os.defpath}",
            "HOME": str(self.home),
            "CLAUDE_CONFIG_DIR": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",
        }

    @property
    def progress(self) -> Path:
        return self.work / "batch_progress.json"

    @property
    def state(self) -> Path:
        return self.work / ".claude" / "ralph-loop.local.md"

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(words, cwd=self.work, env=self.env, capture_output=True, text=True, check=False)

    def install(self, plugin: Path, market: Path) -> None:
        (market / ".claude-plugin").mkdir(parents=True)
        shutil.copytree(plugin, market / "plugins" / "ralph-loop")
        entry = {"name": "ralph-loop", "source": "./plugins/ralph-loop"}
        told = {"name": "local", "owner": {"name": "nobody"}, "plugins": [entry]}
        (market / ".claude-plugin" / "marketplace.json").write_text(json.dumps(told))
        for words in (("marketplace", "add", str(market)), ("install", "ralph-loop@local")):
            said = self.run("claude", "plugin", *words)
            assert said.returncode == 0, said.stdout + said.stderr


@contextmanager
def serving(desk: Desk, session: str) -> Iterator[RehearsalServer]:
    """The rehearsal's server, to which that session belongs."""
    attempt = desk.work / ".state" / "attempts" / "000001-p1-b001"
    attempt.mkdir(parents=True)
    output = {"file": "output.json", "shape": "array", "key": ".id", "item": ".id", "schema": None}
    spec = {"attempt": 1, "phase": "main", "batch": "1", "session_id": session, "items": [], "output": output}
    (attempt / "spec.json").write_text(json.dumps({**spec, "cwd": str(desk.work)}))
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(RehearsalServer.start(desk.work / ".state", desk.work / "scene.py"))
    try:
        yield server
    finally:
        loop.run_until_complete(server.stop())
        loop.close()


class Seat:
    """Somebody at the terminal."""

    def __init__(self, desk: Desk, line: str, env: dict[str, str]) -> None:
        words = ["-c", line]
        self.child = pexpect.spawn("/bin/sh", words, cwd=desk.work, env=env, dimensions=(ROWS, COLUMNS), timeout=1)
        self.screen = Screen()

    def until(self, seen: "object", what: str) -> None:
        """Look on until `seen()`; AssertionError with the screen when that takes too long."""
        assert callable(seen)
        for _ in range(int(CEILING_S * 10)):
            try:
                self.screen.feed(self.child.read_nonblocking(65536, timeout=0.1))
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                break
            if seen():
                return
        raise AssertionError(f"waited for {what}\n{self.screen.text}")


@covers("F32", "F58", "F63", "F64")
def test_a_ralph_loop_plays_three_schools_by_the_words_that_are_printed(tmp_path: Path) -> None:
    desk, session = Desk(tmp_path), str(uuid.uuid4())
    said = desk.run("harness", "ralph", "--yes")
    assert said.returncode == 2
    assert "neither ralph-loop nor ralph-wiggum is installed" in said.stderr
    desk.install(Path(os.environ.get("RALPH_PLUGIN") or STUBS / "ralph-loop"), tmp_path / "market")
    said = desk.run("bash", "scripts/launch_batch.sh", "--ralph", "--yes")
    assert said.returncode == 0, said.stderr
    start, command = (line.strip() for line in said.stdout.splitlines() if line.startswith("  "))
    assert "--max-iterations 44 " in command and '--completion-promise "BATCH_COMPLETE"' in command
    trusted = {str(desk.work): {"hasTrustDialogAccepted": True}}
    known = desk.home / ".claude.json"
    told = json.loads(known.read_text()) if known.exists() else {}
    known.write_text(json.dumps({**told, "hasCompletedOnboarding": True, "projects": trusted}))
    with serving(desk, session) as server:
        env = desk.env | rehearsal_credential(server.url).environment()
        settings = shlex.quote('{"skipDangerousModePermissionPrompt": true}')
        more = f"--session-id={session} --model sonnet --permission-mode bypassPermissions --settings {settings}"
        seat = Seat(desk, f"{start} {more}", env)
        try:
            seat.until(lambda: seat.screen.box is not None, "the input box")
            seat.child.send(command)
            seat.until(lambda: seat.screen.holds(command), "the command in the box")
            seat.child.send("\r")
            seat.until(desk.state.exists, "the loop's beginning")
            seat.until(lambda: not desk.state.exists(), "the loop's end")
        finally:
            seat.child.close(force=True)
    told = json.loads(desk.progress.read_text())
    assert (told["completed"], told["pending"], told["failed"]) == (SCHOOLS, [], [])
