"""Laws of `backend: terminal` in a manifest: all of `claude`, but for tools that nothing bounds there."""

from pathlib import Path

import pytest

from harness.job.load import load
from tests.job.conftest import GOOD, problems

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("rehearsal", [False, True])
def test_a_setting_alone_puts_a_job_at_a_terminal(rehearsal: bool) -> None:
    Path("job.yaml").write_text(GOOD)
    real = load(Path("job.yaml"), rehearsal=rehearsal).phases[0].session
    job = load(Path("job.yaml"), settings=["session.backend=terminal"], rehearsal=rehearsal)
    (session,) = (phase.session for phase in job.phases)
    assert session.is_interactive and session.asks_model
    assert (session.model, session.tools, session.prompt) == (real.model, real.tools, real.prompt)


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (
            "Agent",
            "tool Agent spends what no budget bounds at a terminal: its requests are not in the session's transcript",
        ),
        ("Workflow", "tool Workflow spends what no budget bounds"),
        ("AskUserQuestion", "tool AskUserQuestion asks whoever sits at the terminal, and nobody does"),
    ],
)
def test_a_tool_that_nothing_bounds_at_a_terminal_is_refused_at_its_place(tool: str, says: str) -> None:
    text = GOOD.replace("[Read, Write]", f"[Read, Write, {tool}]").replace("  model:", "  backend: terminal\n  model:")
    (problem,) = problems(text)
    assert problem.startswith(f"job.yaml:12:24: session.tools[2]: {says}")
    Path("job.yaml").write_text(text.replace("backend: terminal", "backend: claude"))
    load(Path("job.yaml"))


def test_it_needs_what_every_session_of_claude_code_needs() -> None:
    bare = GOOD.replace("  model: sonnet\n", "  backend: terminal\n").replace("  prompt: prompt.md\n", "")
    assert problems(bare) == [
        "job.yaml:9:3: session.prompt: missing: what shall a session do?",
        "job.yaml:9:3: session.model: missing: a real run needs one, for instance sonnet",
    ]
    assert (
        "is for backend: command"
        in problems(GOOD.replace("  model:", "  backend: terminal\n  command: [true]\n  model:"))[0]
    )
