"""What a Ralph loop needs of this machine: Claude Code, one of two plugins, and the programs of its Stop hook."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from harness.backends.cli_start import cli_folder
from harness.backends.login import LoginHome
from harness.base.child import output_of
from harness.base.errors import Problem
from harness.planning.ralph_loop import plugin_in

_LISTING_S = 30.0


def claude_program() -> str | None:
    """The Claude Code of the PATH, else the one inside the Agent SDK's wheel; None where neither is."""
    if found := shutil.which("claude"):
        return found
    try:
        return str(cli_folder() / "claude")
    except FileNotFoundError:
        return None


async def installed_plugin() -> str | None:
    """The one that Claude Code itself says is installed and enabled."""
    program = claude_program()
    if program is None:
        return None
    home = LoginHome.of(os.environ, Path.home())
    try:
        listed = await output_of((program, "plugin", "list", "--json"), home.environ, Path.cwd(), timeout_s=_LISTING_S)
    except OSError:
        return None
    return plugin_in(listed.output) if listed.code == 0 else None


def missing_for(plugin: str | None) -> Iterator[Problem]:
    """A Problem for each thing that a loop needs and this machine has not."""
    yield from missing_claude()
    if plugin is None:
        hint = (
            "harness claude plugin marketplace add anthropics/claude-plugins-official && "
            "harness claude plugin install ralph-loop@claude-plugins-official"
        )
        yield Problem("plugin", "neither ralph-loop nor ralph-wiggum is installed and enabled", hint)
    for program in ("jq", "perl"):
        if shutil.which(program) is None:
            yield Problem(program, "required by the plugin's Stop hook, but not on the PATH", f"install {program}")


def missing_claude() -> Iterator[Problem]:
    if claude_program() is None:
        says = "Claude Code is not on the PATH, and the SDK bundles none for this platform"
        yield Problem("claude", says, "npm install -g @anthropic-ai/claude-code")
