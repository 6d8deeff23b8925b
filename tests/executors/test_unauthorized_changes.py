"""Laws of unauthorized changes: what was not the session's to change is watched, and what it cannot load is said."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from harness.core.messages import message
from harness.core.types import Ending
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.containment import NoSandbox
from harness.job.job import ItemsSpec
from tests.specs import altered

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

pytestmark = pytest.mark.linux

GOOD = 'open("output.json", "w").write(\'[{"id": "a"}]\')\n'
OPEN_WALLS = [NoSandbox("permissions"), NoSandbox("off")]


def play(bench: "Bench", program: str, sandbox: Any, **job: Any) -> Ending:
    """The ending of a session of one item with a file, which runs `program` and then does its work."""
    scan = bench.folder / "scan.txt"
    scan.write_text("words of the scan")
    spec = bench.program(program + GOOD)
    spec = altered(spec, items=(replace(spec.items[0], file=scan),))
    ending = asyncio.run(bench.run(spec, sandbox, **job))
    assert ending.fault is None, ending.fault
    return ending


def changes(ending: Ending) -> set[tuple[str, bool, str]]:
    """Path, whether it is the attempt's own, and what became of it."""
    found = (note.facts for note in ending.notes if note.kind == "unauthorized_change")
    return {(facts["path"], facts["is_own"], facts["change"]) for facts in found}


@pytest.mark.parametrize("sandbox", [Bubblewrap("bwrap"), *OPEN_WALLS], ids=lambda sandbox: sandbox.name)
def test_a_session_that_does_its_work_changes_nothing_else(bench: "Bench", sandbox: Any) -> None:
    program = (
        "import os\nopen('items.json').read(); open('input/scan.txt').read()\nos.makedirs('scratch'); open('n', 'w')\n"
    )
    assert play(bench, program, sandbox).notes == ()


def test_A33_what_it_was_given_is_not_for_it_to_change(bench: "Bench") -> None:
    program = "import os\nopen('items.json', 'a').write(' ')\nos.unlink('input'); os.mkdir('input')\n"
    changed = changes(play(bench, program, Bubblewrap("bwrap")))
    assert changed == {
        ("work/items.json", True, "changed"),
        ("work/input", True, "changed"),
    }


def test_A33_the_time_of_writing_cannot_be_set_back(bench: "Bench") -> None:
    program = (
        "import os\nseen = os.stat('items.json')\nfile = open('items.json', 'r+'); file.write(' '); file.close()\n"
        "os.utime('items.json', ns=(seen.st_atime_ns, seen.st_mtime_ns))\n"
    )
    assert changes(play(bench, program, Bubblewrap("bwrap")))


@pytest.mark.parametrize("sandbox", OPEN_WALLS, ids=lambda sandbox: sandbox.name)
def test_A33_without_a_kernel_sandbox_every_file_of_the_job_is_watched(bench: "Bench", sandbox: Any) -> None:
    rows, prompt, untouched = (bench.folder / name for name in ("rows.json", "prompt.md", "check.py"))
    for path in (rows, prompt, untouched):
        path.write_text("before")
    session = replace(bench.job().phases[0].session, prompt_name="prompt.md")
    phases = (replace(bench.job().phases[0], session=session),)
    here = f"import os\nJOB = {str(bench.folder)!r}\n"
    program = here + (
        "open(f'{JOB}/job.yaml', 'w').write('x')\nos.unlink(f'{JOB}/rows.json')\n"
        "for path in (f'{JOB}/prompt.md', f'{JOB}/scan.txt', '../prompt.md'): open(path, 'a').write('x')\n"
        "os.chmod('input/scan.txt', 0o600)\n"
    )
    items = ItemsSpec(rows, None, "", "", None, ())
    ending = play(bench, program, sandbox, phases=phases, items=items, readable=(untouched,))
    assert changes(ending) == {
        ("job.yaml", False, "changed"),
        ("rows.json", False, "removed"),
        ("prompt.md", False, "changed"),
        ("scan.txt", False, "changed"),
        ("input/scan.txt", True, "changed"),
        ("prompt.md", True, "changed"),
    }


def test_I11_settings_that_lie_in_its_folder_are_named(bench: "Bench") -> None:
    program = "import os\nopen('CLAUDE.md', 'w'); os.makedirs('.claude'); os.makedirs('.git/hooks')\n"
    ignored, disarmed = play(bench, program, Bubblewrap("bwrap")).notes
    assert ignored == message("settings_ignored", files=[".claude", "CLAUDE.md", ".git"])
    assert disarmed.kind == "files_disarmed"
