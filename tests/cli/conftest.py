"""Jobs of a program that does as its items say; the command line, here or in a process of its own; what came of it."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import run
from harness.ledger.store import rebuild, state_of
from tests.checker.laws import broken_laws

WORKER = """\
import json, os, signal

records = []
for item in json.load(open("items.json")):
    how = item["data"].get("how", "good")
    if how == "wait":
        signal.pause()
    n = {"bad": -1, "mended": 1 if item["reasons"] else -1}.get(how, 1)
    records.append({"id": item["id"], "n": n})
json.dump(records, open(os.environ["HARNESS_OUTPUT"], "w"))
"""


@dataclass(frozen=True)
class Said:
    """What one command line came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Desk:
    """A job folder that is the current folder, and a person who types there."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    kept: Path
    """What commands have left behind, to be copied: see `has_typed`."""

    def job(self, items: dict[str, str], *, more: str = "", stem: str = "job", check: bool = True) -> None:
        """Write a job of the program above; `items` is id -> how it does."""
        (self.folder / "worker.py").write_text(WORKER)
        rows = "".join(json.dumps({"id": id_, "how": how}) + "\n" for id_, how in items.items())
        (self.folder / "items.jsonl").write_text(rows)
        checks = "check: [{jq: '.n > 0', says: n must be positive}], " if check else ""
        (self.folder / f"{stem}.yaml").write_text(
            f"job: Numbers\nnoun: number\nitems: {{file: items.jsonl}}\n"
            f"session: {{backend: command, command: [{sys.executable}, worker.py], prompt: count them}}\n"
            f"output: {{{checks}merge: output/{stem}.json}}\n"
            f"rehearsal: {{session: {{command: [{sys.executable}, worker.py]}}}}\n"
            f"grace: 2s\n{more}"
        )

    def types(self, *words: str) -> Said:
        """`harness` and these words, in this process."""
        self.capture.readouterr()
        code = run(words)
        out, err = self.capture.readouterr()
        return Said(code, out, err)

    def has_typed(self, *words: str, code: int = 0) -> None:
        """`types`, asserted to end with `code`; over files that a test has typed it over before, what came is copied.

        For what a test begins with, never for what it is about.
        """
        kept = self.kept / _digest(self.folder, words)
        if kept.exists():
            shutil.copytree(kept, self.folder, dirs_exist_ok=True, symlinks=True)
            return
        said = self.types(*words)
        assert said.code == code, said
        shutil.copytree(self.folder, kept, symlinks=True)

    def starts(self, *words: str) -> "subprocess.Popen[str]":
        """The same in a process of its own, with its standard error to read."""
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            cwd=self.folder, env={**os.environ, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip


def _digest(folder: Path, words: Sequence[str]) -> str:
    """Of the words and of every file that they can see."""
    digest = hashlib.sha256(json.dumps(words).encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(repr((path.relative_to(folder).as_posix(), path.read_bytes())).encode())
    return digest.hexdigest()


def merged(folder: Path, name: str = "job") -> list[Any]:
    records: list[Any] = json.loads((folder / f"output/{name}.json").read_bytes())
    return records


def assert_sound(folder: Path, *, is_merged: bool = True) -> None:
    """The tables are what the entries say, and the independent checker finds nothing."""
    state = folder / ".harness/job"
    db = sqlite3.connect(state / "ledger.db")
    assert state_of(db) == state_of(rebuild(db))
    db.close()
    assert [law for law in broken_laws(state) if is_merged or "the_merge_is" not in law] == []


def count(folder: Path, kind: str) -> int:
    db = sqlite3.connect(folder / ".harness/job/ledger.db")
    (found,) = db.execute("SELECT count(*) FROM entries WHERE kind LIKE ?", (kind,)).fetchone()
    db.close()
    return int(found)


def change_check(desk: Desk, old: str, new: str) -> None:
    text = (desk.folder / "job.yaml").read_text()
    assert old in text
    (desk.folder / "job.yaml").write_text(text.replace(old, new))


@pytest.fixture(scope="session")
def kept_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kept_folders: Path
) -> Iterator[Desk]:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TERMINAL_WIDTH", "120")
    for name in ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield Desk(folder, capsys, kept_folders)


@pytest.fixture
def waiting_run(desk: Desk) -> Iterator[Callable[[Sequence[str]], "subprocess.Popen[str]"]]:
    """Starts a launch whose first attempt never ends by itself; what is left of it at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(words: Sequence[str] = ("launch",)) -> "subprocess.Popen[str]":
        process = desk.starts(*words)
        started.append(process)
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if "started, attempt" in line:
                return process
        raise AssertionError(f"it ended before an attempt started: {''.join(seen)}")

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
