"""Acceptance 10: a real session of root, in the sandbox, tries everything through Bash and gets nowhere.

The findings of a review are played in modules of their own: H1 in test_escape_by_tools, H2, M3, M4 and M8 in
test_escape_by_bash.
"""

import json
import os
import secrets
from pathlib import Path

import pytest

from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import Job, all_pids, until, words_of

DAEMON = 987_654
"""Seconds that the daemons would sleep; so they can be told apart in /proc."""


def daemons(seconds: int) -> list[int]:
    """Processes of this machine that sleep so long, seen from outside."""
    return [pid for pid in all_pids() if words_of(pid)[:2] == ["sleep", str(seconds)]]


def occurrences(folder: Path, secret: str) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if secret.encode() in path.read_bytes()]


def escaping(small: MakeJob, **fields: object) -> tuple[Job, str]:
    job = small(
        "escaping",
        1,
        session={"model": "sonnet", "prompt": "Do {{ item.word }} {{ vars | tojson }}", "tools": ["Bash", "Write"]},
        **fields,
    )
    canary = secrets.token_hex(16)
    (job.home / "canary").write_text(canary)
    vars_ = {
        "ledger": str(job.state / "ledger.db"),
        "canary": str(job.home / "canary"),
        "home": str(job.home),
        "outsider": os.getpid(),
        "daemon": DAEMON + os.getpid(),
    }
    manifest = json.loads((job.folder / "job.yaml").read_text())
    (job.folder / "job.yaml").write_text(json.dumps({**manifest, "vars": vars_}))
    return job, canary


@pytest.mark.linux
@pytest.mark.root
def test_a_session_that_tries_to_get_out_is_refused_everything_and_leaves_nothing(small: MakeJob) -> None:
    assert os.getuid() == 0, "this test means something as root only"
    job, canary = escaping(small)
    said = job.play()
    assert said.code == 0, said.all
    (record,) = json.loads(job.merged()["all.json"])
    told = dict(line.split(": ", 1) for line in record["text"].splitlines() if ": " in line)
    assert told.pop("daemons-live").startswith("DONE"), "the daemons were alive inside, while the session was"
    assert int(told.pop("processes")) < 30, "it sees the processes of its own sandbox only"
    told.pop("write-etc")  # that folder is the sandbox's own: it is looked at from outside, below
    assert len(told) == 17 and set(told.values()) == {"refused"}, record["text"]
    until(lambda: not daemons(DAEMON + os.getpid()) and not job.sessions(), "everything of the session to be gone", 30)
    assert occurrences(job.folder, canary) == []
    assert not Path("/usr/unauthorized").exists() and not Path("/etc/unauthorized").exists()
    assert job.count("AttemptStarted") == 1
    job.assert_laws_hold()


def test_without_a_kernel_sandbox_bash_is_refused_before_anything_starts(small: MakeJob) -> None:
    job, _ = escaping(small, sandbox="permissions")
    said = job.play()
    assert said.code == 2 and "tool Bash runs programs and needs a kernel sandbox" in said.err, said.all
    assert not job.count("JobPlanned") and not job.record().requests
