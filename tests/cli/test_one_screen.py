"""One screen before the night: each line is broken once, that line alone fails, and it names its cure."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.doctor import examination, outside, readiness
from harness.evaluation.bounded import Bounded
from harness.evaluation.persistent_child import BoundedError

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

SECRET = "sk-ant-api03-a-made-up-secret-0123456789"
OPTIONAL = ["REDDIT_CLIENT_ID", "PERPLEXITY_API_KEY", "TUBELAB_API_KEY", "APIFY_TOKEN"]
MANIFEST: dict[str, Any] = {
    "items": {"file": "items.csv"},
    "session": {"model": "sonnet", "prompt": "Write about {{ item.id }}, {{ item.data.name }}."},
    "output": {"fields": {"id": "string"}},
    "budget": "$10",
    "keys": {"required": ["ANTHROPIC_API_KEY"], "optional": OPTIONAL},
}


@contextlib.contextmanager
def provider(date: datetime | None = None) -> Iterator[str]:
    """Answers every HEAD with 404 and a date."""

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(404)
            self.send_header("Date", format_datetime(date or datetime.now(UTC), usegmt=True))
            self.end_headers()
            heads.append(dict(self.headers))

        def log_message(self, *_: object) -> None:
            return

    heads: list[dict[str, str]] = []
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert all(SECRET not in value for head in heads for value in head.values())


@pytest.fixture
def ready(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> Iterator["Desk"]:
    """A folder and an environment with which everything is well."""
    (desk.folder / "items.csv").write_text("id,name\na,Anna\n")
    (desk.folder / "job.yaml").write_text(json.dumps(MANIFEST))
    for name in OPTIONAL:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    with provider() as address:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", address)
        yield desk


def broken(desk: "Desk", *words: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and the lines that failed."""
    said = desk.types("check", "--json", *words)
    assert SECRET not in said.out + said.err
    found = said.json()
    lines = [line for section in ("machine", "keys") for line in found.get(section, [])]
    assert found["ready"] is (said.code == 0)
    return said.code, {line["what"]: line for line in lines if line["grade"] == "broken"}


def test_with_the_one_required_key_it_is_ready_and_four_optional_ones_are_missing(ready: "Desk") -> None:
    said = ready.types("check")
    assert said.code == 0, said.out + said.err
    assert "job.yaml is ready" in said.err
    for name in OPTIONAL:
        assert f"note    key         {name} is not set" in said.out
    for what in ("items ", "money ", "claude ", "jq ", "sandbox ", "disk ", "network ", "clock ", "credential "):
        assert what in said.out
    assert SECRET not in said.out + said.err
    before = {path: path.read_bytes() for path in ready.folder.rglob("*") if path.is_file()}
    keys = ready.types("check", "--only", "keys")
    assert (keys.code, "items " in keys.out, "disk" in keys.out) == (0, False, False)
    assert before == {path: path.read_bytes() for path in ready.folder.rglob("*") if path.is_file()}
    assert not any(SECRET.encode() in content for content in before.values())


def test_a_missing_key_is_that_line_alone_with_its_cure(ready: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    code, lines = broken(ready)
    assert (code, list(lines)) == (4, ["credential"])
    assert "set ANTHROPIC_API_KEY" in lines["credential"]["cure"]
    assert ready.types("check", "--only", "machine").code == 0
    assert ready.types("check", "--only", "keys").code == 4
    assert ready.types("check", "--only", "plan").code == 0
    assert ready.types("check", "--only", "keys", "--rehearsal").code == 0


def test_a_required_key_of_another_kind_is_named(ready: "Desk") -> None:
    keys = {"required": ["ANTHROPIC_API_KEY", "FINDER_KEY"]}
    (ready.folder / "job.yaml").write_text(json.dumps(MANIFEST | {"keys": keys}))
    code, lines = broken(ready, "--only", "keys")
    assert (code, lines["key"]["says"]) == (4, "FINDER_KEY is required (keys.required) but not set")
    assert "export FINDER_KEY=" in lines["key"]["cure"]


def test_a_cli_that_does_not_run_is_that_line_alone(
    ready: "Desk", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(examination, "cli_folder", lambda: tmp_path / "nowhere")
    code, lines = broken(ready, "--only", "machine")
    assert (code, list(lines)) == (4, ["claude"])
    assert "pip install --force-reinstall claude-agent-sdk" in lines["claude"]["cure"]


def test_jq_that_does_not_run_is_that_line_alone(ready: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise BoundedError("error", "no module named jq")

    monkeypatch.setattr(Bounded, "jq", fails)
    code, lines = broken(ready, "--only", "machine")
    assert (code, list(lines)) == (4, ["jq"])
    assert "pip install --force-reinstall jq" in lines["jq"]["cure"]


def test_a_provider_that_cannot_be_reached_is_that_line_alone(ready: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    code, lines = broken(ready)
    assert (code, list(lines)) == (4, ["network"])
    assert "HTTPS_PROXY" in lines["network"]["cure"]
    assert "refused" in lines["network"]["says"]


@pytest.mark.parametrize("by", [timedelta(hours=2), timedelta(hours=-2)])
def test_a_clock_that_is_wrong_is_that_line_alone(
    ready: "Desk", monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    with provider(datetime.now(UTC) + by) as address:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", address)
        code, lines = broken(ready, "--only", "machine")
    assert (code, list(lines)) == (4, ["clock"])
    assert f"{'behind' if by > timedelta(0) else 'ahead of'} the provider's" in lines["clock"]["says"]
    assert "timedatectl" in lines["clock"]["cure"]


def test_a_clock_before_the_newest_entry_of_the_job_is_wrong_without_a_provider(desk: "Desk") -> None:
    from harness.job.load import load

    desk.job({"1": "good"})
    desk.has_typed("launch")
    job = load(desk.folder / "job.yaml")
    assert outside.clock(job, datetime.now(UTC), None).grade == "ok"
    found = outside.clock(job, datetime.now(UTC) - timedelta(days=1), None)
    assert (found.grade, "this job's ledger has an entry from" in found.says) == ("broken", True)


def test_a_sandbox_that_is_asked_for_and_not_there_is_that_line_alone(
    ready: "Desk", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (ready.folder / "job.yaml").write_text(json.dumps(MANIFEST | {"sandbox": "bubblewrap"}))
    monkeypatch.setenv("PATH", str(tmp_path))
    code, lines = broken(ready, "--only", "machine")
    assert (code, list(lines)) == (4, ["sandbox"])
    assert lines["sandbox"]["cure"]


def test_a_plugin_that_a_loop_needs_is_that_line_alone_and_only_where_the_folder_has_a_loop(
    ready: "Desk", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It keeps nobody from launching."""
    monkeypatch.setattr(readiness, "installed_plugin", _no_plugin)
    (tmp_path / "bin").mkdir()
    for name in ("claude", "jq", "perl"):
        (tmp_path / "bin" / name).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert "plugin" not in ready.types("check", "--only", "machine").out
    (ready.folder / "prompts").mkdir()
    (ready.folder / "prompts/ralph_loop.md").write_text("Do the next school.\n")
    said = ready.types("check", "--only", "machine", "--json")
    (line,) = [line for line in said.json()["machine"] if line["grade"] != "ok"]
    assert (said.code, line["what"]) == (0, "plugin")
    assert "claude plugin install ralph-loop" in line["cure"]


async def _no_plugin() -> None:
    return None


def test_a_disk_of_10_mb_is_that_line_alone(ready: "Desk", tmp_path: Path) -> None:
    """The job lies on a tmpfs of 10 MB, mounted in a namespace of its own."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a mount namespace")
    small = tmp_path / "small"
    small.mkdir()
    script = (
        'mount -t tmpfs -o size=10m tmpfs "$1" && cp items.csv job.yaml "$1" && cd "$1" '
        '&& exec "$2" -m harness check --only machine --json'
    )
    said = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", small, sys.executable],
        cwd=ready.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = {line["what"]: line for line in json.loads(said.stdout)["machine"] if line["grade"] == "broken"}
    assert (said.returncode, list(lines)) == (4, ["disk"]), said.stderr
    assert "10 MB free in the job's folder; a run needs 100 MB" in lines["disk"]["says"]
    assert "make room in" in lines["disk"]["cure"]


def test_a_manifest_that_is_wrong_is_exit_2_and_a_section_that_is_none_too(ready: "Desk") -> None:
    assert ready.types("check", "--only", "money").code == 2
    (ready.folder / "job.yaml").write_text(json.dumps(MANIFEST | {"items": {"file": "gone.csv"}}))
    assert ready.types("check").code == 2
    (ready.folder / "job.yaml").write_text(json.dumps(MANIFEST | {"budget": "$0.01"}))
    said = ready.types("check")
    assert (said.code, "disk " in said.out, "cannot pay for one session" in said.err) == (2, True, True)


def test_live_asks_first_and_without_anybody_to_ask_starts_nothing(ready: "Desk") -> None:
    said = ready.types("check", "--live")
    assert (said.code, "`harness check --live --yes`" in said.err) == (2, True)
