"""`harness ralph`, as somebody types it: what a machine lacks, who is asked, what is printed."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli.main import run
from harness.doctor import loop_needs
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


@dataclass(frozen=True)
class Said:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def ralph(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    monkeypatch.chdir(folder)
    for name, value in {"PATH": str(folder / "bin"), "HOME": str(folder), "HARNESS_TRUST": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def typed(*words: str) -> Said:
        code = run(["ralph", "--steps", "steps.md", *words])
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return typed


def test_the_status_and_the_command_are_printed_for_the_plugin_that_is_there(
    folder: Path, ralph: Callable[..., Said]
) -> None:
    said = ralph("--yes")
    assert said.returncode == 0, said.stderr
    assert "Small: new" in said.stdout
    expected = '/ralph-wiggum:ralph-loop "Do the next iteration as steps.md says" --max-iterations 36'
    assert f'  {expected} --completion-promise "BATCH_COMPLETE"\n' in said.stdout
    assert "CLAUDE_CODE_STOP_HOOK_BLOCK_CAP=0 claude\n" in said.stdout


def test_nobody_to_ask_is_told_and_nothing_is_printed(folder: Path, ralph: Callable[..., Said]) -> None:
    said = ralph()
    assert said.returncode == 2
    assert "pass --yes" in said.stderr and "/ralph-wiggum" not in said.stdout


@covers("A31")
def test_all_that_is_missing_is_said_at_once_and_the_command_is_known_all_the_same(
    folder: Path, ralph: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_came_along() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(loop_needs, "cli_folder", nothing_came_along)
    for name in ("claude", "jq", "perl"):
        (folder / "bin" / name).unlink()
    said = ralph("--json")
    assert said.returncode == 2
    told = json.loads(said.stdout)
    assert (told["missing"], told["pending"], told["iterations"]) == (["claude", "plugin", "jq", "perl"], 2, 36)
    assert told["command"].startswith('/ralph-loop:ralph-loop "')
    assert said.stderr.count("hint: ") == 4
    (folder / "batch_progress.json").unlink()
    (folder / "steps.md").unlink()
    said = ralph("--yes")
    assert "6 problems" in said.stderr and "file 'steps.md' not found" in said.stderr


def test_where_the_path_has_no_claude_the_one_that_came_along_is_used_and_named(
    folder: Path, ralph: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    along = folder / "came along"
    along.mkdir()
    (folder / "bin" / "claude").rename(along / "claude")
    monkeypatch.setattr(loop_needs, "cli_folder", lambda: along)
    said = ralph("--yes")
    assert said.returncode == 0, said.stderr
    assert f"CLAUDE_CODE_STOP_HOOK_BLOCK_CAP=0 '{along}/claude'\n" in said.stdout
    started: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _, words: started.append(words))
    assert run(["claude", "plugin", "list", "--json", "--help"]) == 0
    assert started == [[f"{along}/claude", "plugin", "list", "--json", "--help"]]


def test_a_plugin_that_is_not_enabled_is_missing(folder: Path, ralph: Callable[..., Said]) -> None:
    (folder / "bin" / "claude").write_text("#!/bin/sh\necho '[]'\n")
    said = ralph("--yes")
    assert said.returncode == 2
    assert "claude plugin install ralph-loop@claude-plugins-official" in said.stderr


def test_without_progress_it_is_said_who_writes_it(folder: Path, ralph: Callable[..., Said]) -> None:
    (folder / "batch_progress.json").unlink()
    said = ralph("--yes")
    assert said.returncode == 2
    assert "hint: `harness launch` writes it" in said.stderr and said.stdout == ""
    (folder / "scripts").mkdir()
    (folder / "scripts" / "batch_init.py").touch()
    assert "hint: `python3 scripts/batch_init.py` writes it; it needs no key" in ralph("--yes").stderr
