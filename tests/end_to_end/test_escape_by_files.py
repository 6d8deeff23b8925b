"""Findings H4, H5 and L1, played as they were found: what is opened, shown and given is what was planned."""

import json
import secrets

import pytest

from harness.core.messages import message
from harness.views.messages import text_of
from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import Job, Said
from tests.end_to_end.test_escape import occurrences

SANDBOXES = [pytest.param("bubblewrap", marks=pytest.mark.linux), "permissions"]


def without(job: Job, guard: str) -> None:
    """Its commands run with a part of the program taken out."""
    place = job.home / "without"
    place.mkdir()
    (place / "sitecustomize.py").write_text(guard)
    job.variables["PYTHONPATH"] = str(place)


def swapping(small: MakeJob, sandbox: str) -> tuple[Job, str]:
    job = small(
        "swapping",
        2,
        session={
            "model": "sonnet",
            "prompt": "Copy {{ items[0].path }} of {{ items[0].id }}",
            "tools": ["Read", "Write"],
        },
        sandbox=sandbox,
        parallel=1,
        rehearsal={"scene": "scene.py", "strict": False, "allow": "write"},
    )
    canary = secrets.token_hex(16)
    (job.home / "canary").write_text(canary)
    (job.folder / "in").mkdir()
    for name in ("a", "b"):
        (job.folder / "in" / f"{name}.txt").write_text(f"the words of {name}")
    vars_ = {"folder": str(job.folder), "canary": str(job.home / "canary")}
    manifest = json.loads((job.folder / "job.yaml").read_text())
    (job.folder / "job.yaml").write_text(json.dumps({**manifest, "vars": vars_, "items": {"files": "in/*.txt"}}))
    return job, canary


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_H5_a_file_that_became_a_link_after_planning_is_not_followed(small: MakeJob, sandbox: str) -> None:
    job, canary = swapping(small, sandbox)
    said = job.play()
    assert said.code == 1, said.all
    (record,) = json.loads(job.merged()["all.json"])
    assert "the words of a" in record["text"]
    assert occurrences(job.folder, canary) == []
    why = job.ask("why", "in/b.txt")
    assert "in/b.txt (a link now, and no link is followed); put it back, then retry the item" in why.out, why.all
    job.assert_laws_hold()


def test_H5_without_the_guard_the_session_reads_what_the_link_leads_to(small: MakeJob) -> None:
    job, canary = swapping(small, "permissions")
    without(
        job,
        "import hashlib, shutil\n"
        "import harness.executors.attempt_folder as folder\n"
        "def copied(file, top, target):\n"
        "    shutil.copyfile(file, target)\n"
        "    return hashlib.sha256(target.read_bytes()).hexdigest()\n"
        "folder.copy_input = copied\n",
    )
    said = job.play()
    assert said.code == 0, said.all
    assert canary in job.merged()["all.json"].decode()
    report = job.ask("report")
    assert text_of(message("input_changed", item="in/b.txt")) in report.out, report.all


PROBE = """\
import json, os, sys

def tried(act):
    try:
        return f"done: {act()}"
    except OSError as error:
        return type(error).__name__

def write():
    descriptor = os.open("/proc/self/fd/0", os.O_RDWR)
    os.lseek(descriptor, 0, os.SEEK_END)
    return os.write(descriptor, b"x" * 1000000)

found = {"stdin": sys.stdin.read()[:20], "write": tried(write)}
for name in (".env", ".harness/job/ledger.db", "items.jsonl"):
    found[name] = tried(lambda: open(os.path.join(JOB, name), errors="replace").read(99))
found["names"] = tried(lambda: sorted(os.listdir(JOB)))
records = [{"id": item["id"], "text": json.dumps(found)} for item in json.load(open("items.json"))]
json.dump(records, open(os.environ["HARNESS_OUTPUT"], "w"))
"""


def looking(programs: MakeJob, **fields: object) -> Job:
    """A job whose program lies in a folder called `bin` of the job, with secrets beside that."""
    job = programs("", 1, **fields)
    job.rehearsal = False
    (job.folder / "bin").mkdir()
    program = job.folder / "bin" / "work.sh"
    program.write_text(f"#!/usr/bin/env python3\nJOB = {str(job.folder)!r}\n{PROBE}")
    program.chmod(0o755)
    (job.folder / ".env").write_text("SECRET=1")
    manifest = json.loads((job.folder / "job.yaml").read_text())
    session = {**manifest["session"], "command": ["bin/work.sh"], "prompt": "Say what you see"}
    (job.folder / "job.yaml").write_text(json.dumps({**manifest, "session": session}))
    return job


def found_by(job: Job, said: Said) -> dict[str, str]:
    assert said.code == 0, said.all
    (record,) = json.loads(next(iter(job.merged().values())))
    found: dict[str, str] = json.loads(record["text"])
    return found


@pytest.mark.linux
def test_H4_L1_a_program_in_bin_sees_nothing_of_its_job_and_cannot_write_its_own_input(programs: MakeJob) -> None:
    job = looking(programs, sandbox="bubblewrap")
    found = found_by(job, job.play())
    assert found.pop("stdin") == "Batch 1 of phase mai"
    assert found == {
        "write": "PermissionError",
        ".env": "FileNotFoundError",
        ".harness/job/ledger.db": "FileNotFoundError",
        "items.jsonl": "FileNotFoundError",
        "names": "done: ['bin']",
    }
    (attempt,) = (job.state / "attempts").iterdir()
    assert (attempt / "prompt.md").stat().st_size < 10_000
    assert "unauthorized changes" not in job.ask("report").out.lower()


@pytest.mark.linux
def test_H4_L1_without_the_guards_both_are_found(programs: MakeJob) -> None:
    job = looking(programs, sandbox="bubblewrap")
    without(
        job,
        "import harness.executors.installations as installations, harness.executors.starter as starter\n"
        "installations._is_installation = lambda prefix: True\n"
        "installations._holds = lambda folder, kept_out: False\n"
        "installations.NEVER = ()\n",
    )
    said = job.play()
    assert said.code == 4 and f"look into {job.folder}" in said.err, said.all
    assert not job.has("AttemptStarted")
    without_sealing = looking(programs, sandbox="permissions")
    without(
        without_sealing,
        "import contextlib, harness.executors.starter as starter\n"
        "@contextlib.contextmanager\n"
        "def as_it_is(path):\n"
        "    with path.open('rb') as file:\n"
        "        yield file.fileno()\n"
        "starter.sealed = as_it_is\n",
    )
    found = found_by(without_sealing, without_sealing.play())
    assert found["write"] == "done: 1000000" and found[".env"].startswith("done: ")
    changed = message("unauthorized_change", path="prompt.md", is_own=True, change="changed")
    assert text_of(changed) in without_sealing.ask("report").out
