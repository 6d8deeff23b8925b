"""What everybody types all day loads nothing heavy."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import __version__

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

HEAVY = {
    "claude_agent_sdk", "anthropic", "mcp", "starlette", "uvicorn", "openpyxl", "xlsxwriter", "jq", "pexpect",
    "jinja2", "jsonschema", "psutil", "watchfiles",
}  # fmt: skip
_PROBE = """
import sys
from harness.cli.main import run
code = run(sys.argv[1:])
print("LOADED", *sys.modules, file=sys.stderr)
sys.exit(code)
"""


def _loaded_by(*words: str, cwd: Path, env: dict[str, str] | None = None) -> set[str]:
    probe = [sys.executable, "-c", _PROBE, *words]
    ended = subprocess.run(probe, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    modules = ended.stderr.rsplit("LOADED", 1)[1].split()
    return {*modules, *(module.split(".")[0] for module in modules)}


def test_the_version_is_told_without_even_typer(tmp_path: Path) -> None:
    loaded = _loaded_by("--version", cwd=tmp_path)
    assert not loaded & (HEAVY | {"typer", "pydantic", "rich", "sqlite3", "asyncio"})


@pytest.mark.parametrize(
    "words", [["--help"], ["launch", "--help"], ["status", "--help"], ["--show-completion", "bash"]]
)
def test_help_and_completion_load_no_heavy_library(words: list[str], tmp_path: Path) -> None:
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # else it is the shell above, make's for instance
    assert not _loaded_by(*words, cwd=tmp_path, env=named) & HEAVY


def test_completing_a_command_loads_no_heavy_library(tmp_path: Path) -> None:
    env = {"_HARNESS_COMPLETE": "complete_bash", "COMP_WORDS": "harness st", "COMP_CWORD": "1"}
    assert not _loaded_by(cwd=tmp_path, env=env) & HEAVY


@pytest.mark.parametrize("words", [["status"], ["status", "--json"], ["log"], ["why", "1"], ["show", "1"], ["pause"]])
def test_looking_at_a_job_loads_no_heavy_library(words: list[str], desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    loaded = _loaded_by(*words, cwd=desk.folder)
    assert not loaded & HEAVY
    assert words[0] != "status" or not loaded & {"harness.job.manifest", "yaml"}


def test_the_version_is_the_one_of_the_package(desk: "Desk") -> None:
    assert desk.types("--version").out == f"harness {__version__}\n"
    assert desk.types("-V").out == f"harness {__version__}\n"


def test_help_names_every_command_and_the_exit_codes(desk: "Desk") -> None:
    told = desk.types("--help")
    assert told.code == 0
    for command in ("init", "check", "plan", "rehearse", "launch", "status", "watch", "pause", "resume", "cancel",
                    "retry", "show", "why", "log", "report", "doctor", "schema"):  # fmt: skip
        assert f" {command} " in told.out, command
    words = " ".join(told.out.split())
    assert "Exit codes: 0 every item done" in words
    assert "5 another supervisor is running the job" in words
