"""A whole job on a made-up login: its token is about to end, starts wait, the user's CLI renews it, the job is done."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.rehearsal.process import RehearsalServer

pytestmark = pytest.mark.linux

REFRESH = "sk-ant-ort01-made-up-refresh-canary"
FRESH = "sk-ant-oat01-made-up-fresh"
MANIFEST = """
items: {file: items.csv}
budget: none
auth: login
parallel: 2
session: {model: sonnet, prompt: look at it}
output: {key: .id, fields: {id: string}, merge: out.json}
"""
CLI = f"""#!{sys.executable}
import json, pathlib, sys, time
waiting = pathlib.Path.home().parent / "job/.harness/job/waiting.json"
for _ in range(10_000):
    if waiting.exists():
        (pathlib.Path.home() / "told").write_bytes(waiting.read_bytes())
        break
    time.sleep(0.01)
assert sys.argv[1:3] == ["auth", "status"], sys.argv
file = pathlib.Path.home() / ".claude" / ".credentials.json"
told = json.loads(file.read_text())
told["claudeAiOauth"] |= {{"accessToken": "{FRESH}", "expiresAt": 3900000000000}}
file.write_text(json.dumps(told))
with open(pathlib.Path.home() / "renewals", "a") as renewals:
    renewals.write("once\\n")
"""
SCENE = (
    "from harness.rehearsal.scene import Records\ndef scene(ask):\n    return Records([{'id': i} for i in ask.ids])\n"
)


def log_in(home: Path) -> None:
    (home / ".claude").mkdir(parents=True)
    ends = datetime.now(UTC) + timedelta(minutes=1)
    told = {"accessToken": "sk-ant-oat01-made-up-old", "refreshToken": REFRESH, "expiresAt": ends.timestamp() * 1000}
    (home / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": told}))


def launched(folder: Path, home: Path, url: str) -> "subprocess.CompletedProcess[str]":
    env = {
        "HOME": str(home),
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "ANTHROPIC_BASE_URL": url,
        "NO_COLOR": "1",
        "HARNESS_TRUST": "1",
    }
    words = [sys.executable, "-m", "harness", "launch", "--plain"]
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_job_renews_the_login_once_and_no_session_leaves_a_trace_of_it(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "job"
    log_in(home)
    (home / "bin").mkdir()
    (home / "bin" / "claude").write_text(CLI)
    (home / "bin" / "claude").chmod(0o755)
    folder.mkdir()
    (folder / "job.yaml").write_text(MANIFEST)
    (folder / "items.csv").write_text("id\n1\n2\n3\n")
    (folder / "scene.py").write_text(SCENE)
    with asyncio.Runner() as runner:
        server = runner.run(RehearsalServer.start(folder / ".harness" / "job", folder / "scene.py"))
        try:
            said = launched(folder, home, server.url)
        finally:
            runner.run(server.stop())
    assert said.returncode == 0, said.stdout + said.stderr
    assert [record["id"] for record in json.loads((folder / "out.json").read_text())] == ["1", "2", "3"]
    assert (home / "renewals").read_text() == "once\n"
    assert json.loads((home / "told").read_text())["message"]["kind"] == "renewing_login"
    seen = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in (REFRESH, FRESH, "sk-ant-oat01-made-up-old"):
        assert secret.encode() not in seen
    assert b"the login of Claude Code" in seen, "the ledger tells what was used"
