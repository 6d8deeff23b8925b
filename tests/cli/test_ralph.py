"""`harness ralph`, as somebody types it: what a machine lacks, who is asked, what is printed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.covers import covers

ENABLED = '[{"id": "ralph-wiggum@somewhere", "enabled": true}]'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job with progress, and a PATH on which everything is that a loop takes."""
    (tmp_path / "bin").mkdir()
    for name, says in (("claude", ENABLED), ("jq", ""), ("perl", "")):
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{says}\nEND\n")
        program.chmod(0o755)
    (tmp_path / "job.yaml").write_text(
        "job: Small\nitems: {file: items.json}\nsession: {model: sonnet, prompt: 'Say {{ item.id }} aloud.'}\n"
        "output: {fields: {id: string}}\nbudget: $1\n"
    )
    (tmp_path / "items.json").write_text('[{"id": "a"}, {"id": "b"}]')
    (tmp_path / "steps.md").write_text("Do one.")
    (tmp_path / "batch_progress.json").write_text('{"pending": ["a", "b"], "current_school": null}')
    return tmp_path


def ralph(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": str(folder / "bin"), "HOME": str(folder), "LANG": "C.UTF-8", "HARNESS_TRUST": "1"}
    argv = [sys.executable, "-m", "harness", "ralph", "--steps", "steps.md", *words]
    return subprocess.run(
        argv, cwd=folder, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_the_status_and_the_command_are_printed_for_the_plugin_that_is_there(folder: Path) -> None:
    said = ralph(folder, "--yes")
    assert said.returncode == 0, said.stderr
    assert "Small: new" in said.stdout
    expected = '/ralph-wiggum:ralph-loop "Do the next iteration as steps.md says" --max-iterations 36'
    assert f'  {expected} --completion-promise "BATCH_COMPLETE"\n' in said.stdout
    assert "CLAUDE_CODE_STOP_HOOK_BLOCK_CAP=0 claude\n" in said.stdout


def test_nobody_to_ask_is_told_and_nothing_is_printed(folder: Path) -> None:
    said = ralph(folder)
    assert said.returncode == 2
    assert "pass --yes" in said.stderr and "/ralph-wiggum" not in said.stdout


@covers("A31")
def test_all_that_is_missing_is_said_at_once_and_the_command_is_known_all_the_same(folder: Path) -> None:
    for name in ("claude", "jq", "perl"):
        (folder / "bin" / name).unlink()
    said = ralph(folder, "--json")
    assert said.returncode == 2
    told = json.loads(said.stdout)
    assert (told["missing"], told["pending"], told["iterations"]) == (["claude", "jq", "perl"], 2, 36)
    assert told["command"].startswith('/ralph-loop:ralph-loop "')
    assert said.stderr.count("hint: ") == 3


def test_a_plugin_that_is_not_enabled_is_missing(folder: Path) -> None:
    (folder / "bin" / "claude").write_text("#!/bin/sh\necho '[]'\n")
    said = ralph(folder, "--yes")
    assert said.returncode == 2
    assert "claude plugin install ralph-loop@claude-plugins-official" in said.stderr


def test_without_progress_it_is_said_who_writes_it(folder: Path) -> None:
    (folder / "batch_progress.json").unlink()
    said = ralph(folder, "--yes")
    assert said.returncode == 2
    assert "batch_init.py" in said.stderr and os.linesep not in said.stdout
