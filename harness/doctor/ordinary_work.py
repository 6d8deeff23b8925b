"""What `doctor --sandbox` has a real session do in the sandbox of this machine: the work that people give to Bash."""

import json
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from harness.backends.credentials import Supply
from harness.base.errors import HarnessError, UsageError
from harness.doctor.examination import Finding, Grade
from harness.executors.installations import needed_by
from harness.job.job import Job
from harness.job.load import load
from harness.planning.state_folder import make_state_folder
from harness.supervisor.run_options import Play, RunOptions
from harness.views.wording import clean

Serving = Callable[[Job], AbstractContextManager[Supply | None]]
"""A mock API for the length of a block, and the credential for it."""

_SCRIPT = Path(__file__).with_name("ordinary_work.sh")

_SCENE = """
from pathlib import Path
from harness.rehearsal.scene import Records, Tool, Turn

def scene(ask):
    if ask.turn == 0:
        return Turn([Tool("Bash", {"command": Path(__file__).with_name("work.sh").read_text(), "timeout": 300000})])
    return Records([{"id": "1", "text": ask.tool_results[-1]}])
"""

_MANIFEST = {
    "items": {"file": "items.csv"},
    "session": {"model": "sonnet", "prompt": "Work on {{ item.id }}.", "tools": ["Bash", "Write"]},
    "output": {"fields": {"id": "string", "text": "string"}, "merge": "all.json"},
    "budget": "$5",
    "rehearsal": {"scene": "scene.py"},
}


def examine_work(serving: Serving, play: Play) -> Iterator[Finding]:
    """One finding for each kind of work; one that says why, where no session with Bash can be run here."""
    with tempfile.TemporaryDirectory(prefix="harness-doctor-") as scratch:
        try:
            for name, outcome in do_ordinary_work(Path(scratch), serving, play):
                grades: dict[str, Grade] = {"ok": "ok", "none here": "note"}
                yield Finding("work", grades.get(outcome, "broken"), clean(f"{name}: {outcome}"))
        except UsageError as error:
            yield from (Finding("work", "broken", clean(f"{p.message}; {p.hint or ''}")) for p in error.problems)
        except HarnessError as error:
            yield Finding("work", "broken", clean(error.message))


def do_ordinary_work(scratch: Path, serving: Serving, play: Play) -> Iterator[tuple[str, str]]:
    """Name -> `ok`, `none here` where a program is not installed, or what it said when it failed; some 10 s.

    HarnessError when the session itself could not be run.
    """
    job = _job(scratch)
    make_state_folder(job)
    with serving(job) as credential:
        play(job, RunOptions(credential))
    merged = job.state / "output" / "all.json"
    said = json.loads(merged.read_bytes())[0]["text"] if merged.exists() else "the session: it left no output"
    for line in said.splitlines():
        name, mark, outcome = line.partition(": ")
        if mark:
            yield name, outcome


def _job(scratch: Path) -> Job:
    """A rehearsal in a folder of its own. Sessions see the Python that runs us, which may lie outside the system."""
    folder = scratch / "ordinary work"
    folder.mkdir()
    (folder / "items.csv").write_text("id\n1\n")
    (folder / "scene.py").write_text(_SCENE)
    (folder / "job.yaml").write_text(json.dumps(_MANIFEST))
    script = f"PYTHON={shlex.quote(sys.executable)}\n{_SCRIPT.read_text()}"
    (folder / "work.sh").write_text(script)
    job = load(folder / "job.yaml", rehearsal=True)
    return replace(job, readable=tuple(sorted(needed_by(Path(sys.executable), (job.folder, job.state)))))
