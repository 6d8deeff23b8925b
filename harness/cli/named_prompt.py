"""A named prompt asked from a program: `await prompt("batch-composer", variables={...}, model="sonnet")`.

It is a job of one item, `.harness/NAME.prompt/` below the folder: real sessions, strikes, a budget and a report like
any other. It runs in a process of its own, because a run has signals and an event loop to itself.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from harness.backends.supply import find_supply
from harness.base.errors import BrokenSetupError, HarnessError, Problem, UsageError
from harness.base.files import write_private
from harness.base.strict_json import document_of
from harness.cli.launch import play
from harness.cli.options import Place
from harness.cli.output import say
from harness.cli.reset import reset_now
from harness.job.vendors import CURE, other_vendor
from harness.ledger.shared_holds import state_home
from harness.planning.composer_job import ID, prompt_job
from harness.planning.state_folder import has_state, make_state_folder
from harness.supervisor.run_options import RunOptions

_GRACE_S = 60.0


async def prompt(name: str, variables: Mapping[str, Any], model: str, folder: Path | None = None) -> Any:
    """The answer to `prompts/NAME.md` of the folder (this one by default): the object that the session left.

    `{{ vars.x }}` in it is variable x. UsageError for a model of another vendor, BrokenSetupError when no answer was
    accepted; what happened is said on standard error. Cancelled, it ends the session.
    """
    if (vendor := other_vendor(model)) is not None:
        raise UsageError([Problem("model", f"{model!r} is a model of {vendor}", CURE)])
    question = json.dumps({"name": name, "variables": dict(variables), "model": model})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "harness.cli.named_prompt",
        cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        answer, _ = await process.communicate(question.encode())
    except asyncio.CancelledError:
        process.terminate()
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
        raise
    if process.returncode:
        raise BrokenSetupError(f"the prompt {name!r} was not answered (exit code {process.returncode})")
    return document_of(answer.decode())


def main() -> int:
    """Ask what standard input says, and print the answer alone."""
    question = json.loads(sys.stdin.read())
    folder = Path.cwd()
    try:
        job = prompt_job(folder, question["name"], question["variables"], question["model"])
        make_state_folder(job)
        if has_state(job):
            reset_now(job)
            make_state_folder(job)
        write_private(job.items.file or Path(), json.dumps([{"id": ID}]).encode())
        shared = state_home(os.environ, Path.home())
        options = RunOptions(find_supply(job, os.environ, Path.home(), shared), shared_state=shared)
        with redirect_stdout(sys.stderr):
            code = play(Place(job.manifest, rehearsal=False), job, options, [], plain=True)
    except HarnessError as error:
        say(str(error))
        return error.exit_code
    if code == 0:
        (record,) = json.loads((job.phases[0].output.merge or Path()).read_bytes())
        sys.stdout.write(json.dumps({name: value for name, value in record.items() if name != "id"}))
    return code


if __name__ == "__main__":
    sys.exit(main())
