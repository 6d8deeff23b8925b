"""I10: a credential is in no file that the house writes and in no argument, whatever its sessions print."""

import asyncio
import json
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from harness.rehearsal.process import RehearsalServer
from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import Job, all_pids, until, words_of


@contextmanager
def serving(state: Path, scene: Path) -> Iterator[str]:
    """The address of a server that plays the scene for real launches."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(RehearsalServer.start(state, scene))
    try:
        yield server.url
    finally:
        loop.run_until_complete(server.stop())
        loop.close()


def holding(folder: Path, secret: str) -> list[str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [str(path.relative_to(folder)) for path in files if secret.encode() in path.read_bytes()]


def open_to_others(state: Path) -> list[str]:
    """What the house made there that is not for the user alone; in `work` the session makes files as it likes, and
    nobody else gets into its folder."""
    found = []
    for path in sorted(state.rglob("*")):
        mode = path.lstat().st_mode
        is_sessions_own = "work" in path.relative_to(state).parts[:-1]
        if not path.is_symlink() and not is_sessions_own and mode & 0o077:
            found.append(f"{path.relative_to(state)} {stat.filemode(mode)}")
    return found


@pytest.mark.linux
def test_I10_the_credential_is_in_no_file_of_the_house_and_in_no_argument(small: MakeJob) -> None:
    canary = f"sk-ant-api03-{secrets.token_hex(20)}"
    in_item = f"sk-ant-oat01-{secrets.token_hex(20)}"
    job: Job = small(
        "telling",
        1,
        session={"model": "sonnet", "tools": ["Read", "Write", "Bash"], "prompt": "{{ item }}"},
        sandbox="off",  # in the sandbox nothing that Bash starts has it
    )
    job.rehearsal = False
    rows = json.loads((job.folder / "items.json").read_text())
    (job.folder / "items.json").write_text(json.dumps([rows[0] | {"word": in_item}]))
    with serving(job.state, job.folder / "scene.py") as url:
        job.variables = {"ANTHROPIC_API_KEY": canary, "ANTHROPIC_BASE_URL": url}
        running = job.begin()
        (said,) = until(lambda: list(job.state.glob("attempts/*/work/said")), "its words")
        arguments = {pid: " ".join(words_of(pid)) for pid in all_pids()}
        (said.parent / "go").touch()
        ended = running.end()
    assert ended.code == 0, ended.all
    assert [words for words in arguments.values() if canary in words] == []
    assert canary not in ended.out + ended.err
    assert stat.S_IMODE(job.state.lstat().st_mode) == 0o700
    assert open_to_others(job.state) == []
    for command in ("log", "report", "why"):
        words = ["i01"] if command == "why" else []
        assert canary not in job.ask(command, *words).all
    work = said.parent.relative_to(job.folder)
    assert holding(job.folder, canary) == [str(work / "leaked.txt")], "only what the session itself wrote"
    streamed = (said.parent.parent / "stream.jsonl").read_text()
    assert streamed.count("[secret]") >= 3, "it was said, and redacted"
    assert in_item not in streamed, "what looks like a key is redacted wherever it came from"


@pytest.mark.linux
def test_I10_a_credential_that_a_session_puts_into_its_output_is_the_sessions_own_record(small: MakeJob) -> None:
    """What is not promised without a sandbox: a session can read its credential and write it where its work goes. Then
    it is there, and nowhere else."""
    canary = f"sk-ant-api03-{secrets.token_hex(20)}"
    job: Job = small(
        "telling",
        1,
        session={"model": "sonnet", "tools": ["Bash", "Write"], "prompt": "{{ item }}"},
        vars={"leak": True},
        sandbox="off",
    )
    job.rehearsal = False
    with serving(job.state, job.folder / "scene.py") as url:
        job.variables = {"ANTHROPIC_API_KEY": canary, "ANTHROPIC_BASE_URL": url}
        running = job.begin()
        (said,) = until(lambda: list(job.state.glob("attempts/*/work/said")), "its words")
        (said.parent / "go").touch()
        ended = running.end()
    assert ended.code == 0, ended.all
    own = {"leaked.txt", "output.json", "all.json"}
    elsewhere = [name for name in holding(job.folder, canary) if Path(name).name not in own]
    assert elsewhere == [".harness/job/ledger.db"]
    with closing(sqlite3.connect(job.state / "ledger.db")) as db:
        assert db.execute("SELECT count(*) FROM contents WHERE instr(content, ?)", (canary.encode(),)).fetchone() > (0,)
        assert db.execute("SELECT count(*) FROM entries WHERE instr(body, ?)", (canary,)).fetchone() == (0,)
