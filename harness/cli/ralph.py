"""`harness ralph`: whether this machine can run a Ralph loop, and the command that starts it in Claude Code."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.options import DEFAULT_MANIFEST, AsJson, Manifest, Place
from harness.cli.output import print_json, print_lines, say
from harness.planning.ralph_loop import LOOP_STEPS

PROGRESS = "batch_progress.json"


def ralph(
    manifest: Manifest = DEFAULT_MANIFEST,
    steps: Annotated[
        str, typer.Option("--steps", metavar="FILE", help="File next to the manifest that describes one iteration.")
    ] = LOOP_STEPS,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the command of a Ralph loop: one interactive session that works through batch_progress.json.

    `harness launch` needs no plugin and no loop; with session.backend: terminal it does the same on a plan that covers
    interactive use only.
    """
    import asyncio

    from harness.base.errors import UsageError
    from harness.doctor.loop_needs import installed_plugin, missing_for
    from harness.planning.ralph_loop import PLUGINS, RalphLoop

    plugin = asyncio.run(installed_plugin())
    missing = list(missing_for(plugin))
    problems: list[Any] = []
    pending, prompt = _pending(manifest, problems), _prompt(manifest, steps, problems)
    if problems:
        raise UsageError([*problems, *missing])
    loop = RalphLoop(pending, plugin or PLUGINS[0], prompt)
    if as_json:
        told = {"pending": pending, "iterations": loop.iterations, "start": _start(), "command": loop.command}
        print_json({**told, "missing": [problem.where for problem in missing]})
    if missing:
        raise UsageError(missing)
    if as_json:
        return
    _show_status(manifest)
    if pending == 0:
        say("nothing is pending, so there is nothing to loop over")
        return
    _ask(pending, yes=yes)
    print_lines(_lines(loop, manifest))


def claude(context: typer.Context) -> None:
    """Start Claude Code: the one on the PATH, else the one that came with harness. All words are handed on to it."""
    from harness.base.errors import UsageError
    from harness.doctor.loop_needs import claude_program, missing_claude

    program = claude_program()
    if program is None:
        raise UsageError(list(missing_claude()))
    os.execv(program, [program, *context.args])  # noqa: S606  (no shell is the point)


def _start() -> str:
    """By its path where a shell would not find it."""
    from harness.doctor.loop_needs import claude_program
    from harness.planning.ralph_loop import start_with

    return start_with("claude" if shutil.which("claude") else claude_program() or "claude")


def _lines(loop: Any, manifest: Path) -> Iterator[str]:
    yield f"In {manifest.absolute().parent}, start Claude Code like this:"
    yield ""
    yield f"  {_start()}"
    yield ""
    yield "then type:"
    yield ""
    yield f"  {loop.command}"
    yield ""
    yield "The plugin's Stop hook sees the completion promise one turn late."
    yield f"To stop it early: /{loop.plugin}:cancel-ralph. To watch it: watch -n 30 cat {PROGRESS}"


def _pending(manifest: Path, problems: list[Any]) -> int:
    """0, and one Problem more, when there is no progress to work on."""
    from harness.base.errors import Problem
    from harness.planning.ralph_loop import pending_in

    file = manifest.parent / PROGRESS
    try:
        pending = pending_in(json.loads(file.read_bytes()))
    except FileNotFoundError:
        begins = manifest.parent / "scripts" / "batch_init.py"
        hint = "`harness launch` writes it when it starts"
        if begins.is_file():
            hint = f"`python3 {shlex.quote(os.path.relpath(begins))}` writes it; it needs no key and starts nothing"
        problems.append(Problem(str(file), "file not found", hint))
        return 0
    except (ValueError, RecursionError):
        pending = None
    if pending is None:
        problems.append(Problem(str(file), "expected an object with a list `pending`"))
    return pending or 0


def _prompt(manifest: Path, steps: str, problems: list[Any]) -> str:
    """Nothing, and one Problem more, for steps that no loop can be given."""
    from harness.base.errors import Problem
    from harness.planning.ralph_loop import prompt_for

    try:
        prompt = prompt_for(steps)
    except ValueError as error:
        problems.append(Problem("--steps", str(error), "use letters, digits, and . / - _"))
        return ""
    if not (manifest.parent / steps).is_file():
        problems.append(Problem("--steps", f"file {steps!r} not found next to {manifest.name}"))
    return prompt


def _show_status(manifest: Path) -> None:
    from harness.cli.status import status_at
    from harness.views.status_text import lines

    place, now = Place(manifest, rehearsal=False), datetime.now(UTC)
    print_lines(lines(status_at(place, now), now, place.named))


def _ask(pending: int, *, yes: bool) -> None:
    """Leave with exit code 0 when the answer is no; UsageError when nobody can answer."""
    from harness.base.errors import Problem, UsageError

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError([Problem("ralph", "stdin is not a terminal", "pass --yes to confirm")])
    if not typer.confirm(f"Start or resume a loop over {pending} pending?", err=True):
        raise typer.Exit
