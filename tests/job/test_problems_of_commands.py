"""Manifests whose sessions are programs, or whose rehearsals play scenes: what is wrong is told before the night."""

from pathlib import Path

import pytest

from harness.job.load import load
from tests.job.conftest import GOOD, problems

COMMAND = """
items: {file: items.json}
session: {backend: command, command: [python3, checks.py]}
output: {}
"""


def test_a_command_forbids_what_only_claude_has(folder: Path) -> None:
    text = COMMAND.replace("backend: command,", "backend: command, model: sonnet, tools: [Read],")
    assert problems(text) == [
        "job.yaml:3:29: session.model: is for sessions of Claude Code; a command has none",
        "job.yaml:3:44: session.tools: is for sessions of Claude Code; a command has none",
    ]
    assert problems(COMMAND.replace(", command: [python3, checks.py]", "")) == [
        "job.yaml:3:10: session.command: missing: backend: command needs a program, for instance [python3, worker.py]"
    ]
    assert problems(COMMAND.replace("[python3,", "[pyhton3-no-such,"))[0].startswith(
        "job.yaml:3:38: session.command: the program 'pyhton3-no-such' does not exist"
    )


@pytest.mark.parametrize(
    ("command", "is_missing"),
    [
        ("[python3, nothere.py]", True),
        ("[sh, /nowhere/work.sh]", True),
        ("[sh, -c, nothing]", False),
        ("[python3, -m, json.tool]", False),
        ("[bash, env]", False),
    ],
)
def test_a_script_that_is_not_there_is_noticed_before_the_night(
    folder: Path, command: str, *, is_missing: bool
) -> None:
    found = problems(COMMAND.replace("[python3, checks.py]", command)) if is_missing else []
    assert [problem.partition(": session.command: ")[2] for problem in found] == (
        [f"the program '{command.split()[1][:-1]}' does not exist"] if is_missing else []
    )
    if not is_missing:
        Path("job.yaml").write_text(COMMAND.replace("[python3, checks.py]", command))
        assert load(Path("job.yaml"))


def test_a_command_without_its_backend_is_noticed(folder: Path) -> None:
    (problem,) = problems(GOOD.replace("  model: sonnet", "  model: sonnet\n  command: [python3]"))
    assert problem == "job.yaml:10:3: session.command: is for backend: command"


def test_a_rehearsal_never_starts_the_real_command(folder: Path) -> None:
    (problem,) = problems(COMMAND, rehearsal=True)
    assert problem.endswith("rehearsal.session.command: missing: a rehearsal does not start the command of the job")
    Path("job.yaml").write_text(COMMAND + "rehearsal: {session: {command: [python3, checks.py]}}\n")
    assert load(Path("job.yaml"), rehearsal=True).phases[0].session.backend == "command"


def test_a_scene_must_have_its_function(folder: Path) -> None:
    (folder / "scenes.py").write_text("def scene():\n    pass\n")
    (problem,) = problems(GOOD + "rehearsal: {scene: scenes.py}\n")
    assert problem == "scenes.py:1:1: scene must take 1 argument: scene(ask)"
    (folder / "scenes.py").write_text("def scene(ask:\n")
    (problem,) = problems(GOOD + "rehearsal: {scene: scenes.py}\n")
    assert problem.startswith("scenes.py:1:10: is not valid Python: ")
