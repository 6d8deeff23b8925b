"""H1: without a kernel sandbox the CLI's own tools read and write in a session's folder and nowhere else, whatever form
a path has; with bare rules, as they once were, Grep and Glob read everything."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.backends import cli_start
from harness.core.work import AttemptSpec
from harness.executors.containment import NoSandbox
from tests.end_to_end.sandboxed import Call, Played, play
from tests.executors.conftest import Bench
from tests.specs import altered

pytestmark = pytest.mark.linux
TOOLS = ("Read", "Write", "Edit", "NotebookEdit", "Grep", "Glob")
SECRET = "CANARY-OF-ANNA"
UP = "../../../../.."
"""From a session's work folder to the folder of its bench."""


def grep(path: str, **more: str) -> Call:
    return "Grep", {"pattern": "CANARY", "output_mode": "content", "path": path, **more}


def glob(pattern: str, **more: str) -> Call:
    return "Glob", {"pattern": pattern, **more}


def read(path: str) -> Call:
    return "Read", {"file_path": path}


def write(path: str) -> Call:
    return "Write", {"file_path": path, "content": "unauthorized"}


def outside(home: Path) -> list[Call]:
    """Tries to read `home`/secret.txt, to see its name, or to write beside it."""
    there = home.relative_to(home.parent)
    searches = [
        *(
            str(home),
            f"{home}/secret.txt",
            f"{home}/./",
            f"/{home}",
            f"/proc/self/root{home}",
            f"/proc/self/cwd/{UP}/{there}",
        ),
        *(f"{UP}/{there}", f"CWD/{UP}/{there}", f"CWD/input/../{UP}/{there}", "CWD/link", "CWD/folder", "CWD/.."),
    ]
    patterns = [f"{home}/**", f"{UP}/{there}/*", "folder/*", f"{{{UP}/{there}/*,nothing}}", "/etc/pass*"]
    files = [f"{home}/secret.txt", "CWD/link", "CWD/folder/secret.txt", f"{UP}/{there}/secret.txt", "CWD/../spec.json"]
    places = [f"{home}/made", "CWD/folder/made", f"CWD/{UP}/{there}/made", "CWD/../made", f"/proc/self/root{home}/made"]
    return [
        *map(grep, searches),
        grep("CWD", glob=f"{UP}/{there}/**"),
        *map(glob, patterns),
        glob("*", path=str(home)),
        *map(read, files),
        *map(write, places),
        ("Edit", {"file_path": f"{home}/secret.txt", "old_string": "CANARY", "new_string": "x"}),
        ("NotebookEdit", {"notebook_path": f"{home}/made.ipynb", "new_source": "x"}),
        ("EnterWorktree", {"name": "evil"}),
    ]


def inside() -> list[Call]:
    """Ordinary reads and writes; every one of them tells or makes something."""
    calls: list[Call] = [write(f"CWD/notes/{number}.txt") for number in range(5)]
    calls += [write(f"more/{number}.md") for number in range(3)]
    calls += [read(f"CWD/notes/{number}.txt") for number in range(5)]
    calls += [read("input/scan.txt"), read("CWD/input/scan.txt"), read("notes/0.txt"), read("more/1.md")]
    for number in range(3):
        change = {
            "file_path": f"CWD/notes/{number}.txt",
            "old_string": "unauthorized",
            "new_string": f"edited {number}",
        }
        calls.append(("Edit", change))
    searches: list[dict[str, str]] = [
        {},
        {"path": "CWD"},
        {"path": "notes"},
        {"path": "CWD/notes/1.txt"},
        {"glob": "*.txt"},
    ]
    calls += [("Grep", {"pattern": "edited", "output_mode": "content", **where}) for where in searches]
    calls.append(("Grep", {"pattern": "words", "output_mode": "content", "path": "CWD/input"}))
    patterns = [
        {"pattern": "**/*"},
        {"pattern": "notes/*"},
        {"pattern": "*.txt", "path": "CWD/notes"},
        {"pattern": "*", "path": "input"},
    ]
    return [*calls, *(("Glob", pattern) for pattern in patterns)]


def prepare(home: Path, spec: AttemptSpec) -> AttemptSpec:
    """A work folder with links that lead out, and an item's file."""
    work = spec.folder / "work"
    work.mkdir(parents=True)
    (work / "link").symlink_to(home / "secret.txt")
    (work / "folder").symlink_to(home)
    scan = home.parent / "scan.txt"
    scan.write_text("words of the scan")
    return altered(spec, items=(replace(spec.items[0], file=scan),))


def tried(tmp_path: Path, calls: list[Call]) -> Played:
    home = tmp_path / "anna"
    home.mkdir()
    (home / "secret.txt").write_text(SECRET)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return play(Bench(tmp_path), NoSandbox("permissions"), TOOLS, calls, lambda spec: prepare(home, spec))


def test_H1_thirty_tries_outside_fail_and_thirty_inside_succeed(tmp_path: Path) -> None:
    wrong, right = outside(tmp_path / "anna"), inside()
    assert len(wrong) >= 30 and len(right) >= 30
    played = tried(tmp_path, [*wrong, *right])
    answers = list(zip([*wrong, *right], played.answers, strict=True))
    searched = [text for (name, _), (text, _) in answers[: len(wrong)] if name != "Glob"]
    seen = [text for (name, _), (text, _) in answers[: len(wrong)] if name == "Glob"]
    leaks = [text for text in searched if SECRET in text] + [text for text in seen if "secret.txt" in text]
    assert leaks == []
    assert sorted(path.name for path in (tmp_path / "anna").iterdir()) == ["secret.txt"]
    assert (tmp_path / "anna" / "secret.txt").read_text() == SECRET
    assert not (played.spec.folder / "made").exists() and not (tmp_path / ".claude").exists()
    failed = [(call, text) for call, (text, is_error) in answers[len(wrong) :] if is_error or text.startswith("No ")]
    assert failed == []
    assert (played.work / "notes" / "2.txt").read_text() == "edited 2"
    assert played.ending.fault is None


def test_H1_with_bare_rules_for_grep_and_glob_the_same_tries_find_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_start, "_rules", lambda tools, view: ["Edit(./**)", "Glob", "Grep", "Read(./**)"])
    home = tmp_path / "anna"
    played = tried(tmp_path, [grep(str(home)), glob(f"{home}/**")])
    assert SECRET in played.answers[0][0] and os.fspath(home / "secret.txt") in played.answers[1][0]
