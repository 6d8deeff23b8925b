"""The Claude Code plugin: the real CLI takes it, its commands exist, and the job that its skill teaches is one."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.backends.cli_start import cli_folder
from harness.cli.main import run

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "plugin"
COMMANDS = ("cancel", "launch", "pause", "status")
_COMMAND = re.compile(r"`harness ([a-z]+)([^`]*)`|Bash\(harness ([a-z]+):")


def texts() -> list[Path]:
    return sorted(PLUGIN.rglob("*.md"))


@pytest.mark.session
@pytest.mark.linux
def test_the_real_cli_validates_and_installs_it_from_a_checkout(tmp_path: Path) -> None:
    """Offline, with nothing but a configuration folder of its own."""
    env = {"PATH": os.defpath, "HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": str(tmp_path / "config"), "LANG": "C.UTF-8"}
    env |= {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
    for part in (".claude-plugin", "plugin"):
        shutil.copytree(ROOT / part, tmp_path / "checkout" / part)

    def claude(*words: str) -> str:
        argv = [str(cli_folder() / "claude"), "plugin", *words]
        said = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr
        return said.stdout

    validated = claude("validate", str(tmp_path / "checkout" / "plugin"))
    assert "Validation passed" in validated
    assert re.findall(r"commands: harness:(\w+)", validated) == list(COMMANDS)
    assert "skills: harness:batch-jobs" in validated
    claude("marketplace", "add", str(tmp_path / "checkout"))
    claude("install", "harness@agent-loop-harness")
    (ours,) = (each for each in json.loads(claude("list", "--json")) if each["id"].startswith("harness@"))
    assert ours["enabled"] is True
    assert (Path(ours["installPath"]) / "commands" / "launch.md").is_file()


@pytest.mark.parametrize("text", texts(), ids=lambda path: path.stem)
def test_what_it_types_are_commands_and_options_that_there_are(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = {(first or allowed, more) for first, more, allowed in _COMMAND.findall(text.read_text())}
    assert named
    for command, more in named:
        assert run([command, "--help"]) == 0, command
        told = capsys.readouterr().out
        for option in re.findall(r"--[a-z-]+", more):
            assert option in told, f"harness {command} has no {option}"


def test_nothing_is_launched_or_cancelled_without_the_user() -> None:
    """The commands that spend or end something are not among those that run unasked."""
    for name in COMMANDS:
        head = (PLUGIN / "commands" / f"{name}.md").read_text().split("---")[1]
        assert "harness launch" not in head and "harness cancel" not in head and "--trust" not in head
    assert "clear yes" in (PLUGIN / "commands" / "launch.md").read_text()


def test_the_job_that_the_skill_teaches_passes_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skill = (PLUGIN / "skills" / "batch-jobs" / "SKILL.md").read_text()
    (manifest,), (prompt,) = (re.findall(f"```{kind}\n(.*?)```", skill, re.DOTALL) for kind in ("yaml", "jinja"))
    (tmp_path / "prompts").mkdir()
    (tmp_path / "job.yaml").write_text(manifest)
    (tmp_path / "prompts" / "describe.md").write_text(prompt)
    (tmp_path / "companies.csv").write_text("id,name,website\nc1,Acme,https://acme.example\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_TRUST", "1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    code = run(["check", "--only", "plan", "--json"])
    told = capsys.readouterr()
    assert code == 0, told.out + told.err
    assert run(["plan", "--prompt"]) == 0
    assert "Find out what Acme (https://acme.example) does" in capsys.readouterr().out
