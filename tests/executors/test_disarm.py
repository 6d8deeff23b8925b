"""Laws of what is kept: nothing in it runs when somebody looks at it, and it fits on the disk."""

import asyncio
import errno
import json
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.removal import remove_tree
from harness.core.messages import message
from harness.workspaces import disarm as disarm_module
from harness.workspaces.disarm import disarm
from tests.specs import altered

if TYPE_CHECKING:
    from tests.executors.conftest import Bench


def test_L3_git_runs_nothing_that_a_session_has_left(tmp_path: Path) -> None:
    """core.fsmonitor, in a repository and in a folder that is one to git; before, and after."""
    work, ran = tmp_path / "work", tmp_path / "ran"
    bare, shared = work / "data" / "x", work / "data" / "shared"
    for folder, options in ((work, ()), (bare, ("--bare",)), (shared, ("--bare",))):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "init", "-q", *options, folder], check=True)
        config = folder / ("config" if options else ".git/config")
        text = config.read_text().replace("bare = true", f"bare = false\n\tworktree = {folder}")
        config.write_text(f"{text}\n[core]\n\tfsmonitor = touch {ran}; false\n")
    (shared / "sub").mkdir()
    for name in ("objects", "refs", "config"):
        (shared / name).rename(shared / "sub" / name)
    (shared / "commondir").write_text("sub\n")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    for folder, has_run in ((work, True), (bare, True), (work, False), (bare, False)):
        if not has_run and (work / ".git").exists():
            assert "files_disarmed" in [note.kind for note in disarm(work)]
        ran.unlink(missing_ok=True)
        subprocess.run(["git", "status"], cwd=folder, env=env, capture_output=True, check=False)
        assert ran.exists() == has_run, folder
        asked = subprocess.run(
            ["git", "config", "core.fsmonitor"], cwd=shared, env=env, capture_output=True, check=False
        )
        assert bool(asked.stdout) == (work / ".git").exists()
    assert (work / ".git.disarmed" / "config").is_file() and (bare / "HEAD.disarmed").is_file()


def test_L3_setuid_bits_links_out_and_project_files_do_not_stay(tmp_path: Path) -> None:
    work = tmp_path / "work"
    for name in (".claude/settings.json", "deep/.VSCode/tasks.json", ".envrc", ".idea/x", "kept/.gitignore"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(name)
    (work / "suid").write_text("")
    (work / "suid").chmod(0o6755)
    (work / "deep").chmod(0o3777)
    (work / "root").symlink_to("/")
    (work / "deep" / "up").symlink_to("..")
    (work / "chain").symlink_to("deep/up/../outside")
    (work / "inside").symlink_to("kept")
    (work / ".vscode").symlink_to("kept")
    (work / "HEAD").symlink_to("kept/.gitignore")
    (work / "nowhere").symlink_to("later/x")
    (work / "input").symlink_to("../input")
    os.mkfifo(work / "pipe")
    notes = disarm(work)
    left = {path.relative_to(work).as_posix() for path in work.rglob("*") if not path.is_dir() or path.is_symlink()}
    assert left == {
        *(".claude.disarmed/settings.json", ".envrc.disarmed", ".idea.disarmed/x", "kept/.gitignore", "suid"),
        *("deep/.VSCode.disarmed/tasks.json", "deep/up", "inside", "input"),
    }
    assert all(not path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX) for path in work.rglob("*"))
    assert [note.kind for note in notes] == ["files_disarmed", "setuid_cleared", "files_removed"]
    assert disarm(work) == []


def test_L3_a_folder_swapped_for_a_link_is_not_gone_into(tmp_path: Path) -> None:
    (tmp_path / "theirs" / ".git").mkdir(parents=True)
    (tmp_path / "work").symlink_to("theirs")
    assert disarm(tmp_path / "work") == [] and (tmp_path / "theirs" / ".git").is_dir()


def test_L3_no_entry_keeps_another_armed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are taken, a rename that fails, and one where nothing helps."""
    work, rename = tmp_path / "work", os.rename
    for name in (".git/config", ".git.disarmed/x", ".hg/hgrc", ".svn/deep/x", "a/suid", "z/suid"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("its own")
        (work / name).chmod(0o4755)
    for name in (".envrc", ".envrc.disarmed"):
        (work / name).write_text(name)

    def failing(old: str, new: str, **folders: int) -> None:
        if old in (".hg", ".svn"):
            raise OSError(errno.EBUSY, "busy")
        rename(old, new, **folders)

    monkeypatch.setattr(os, "rename", failing)
    monkeypatch.setattr(disarm_module, "remove_tree", lambda path: None if path.name == ".svn" else remove_tree(path))
    notes = disarm(work)
    top = {path.name for path in work.iterdir()}
    assert not top & {".git", ".envrc", ".hg", ".hg.disarmed"} and len(top) == 7, top
    assert [(work / name).is_dir() for name in (".git.disarmed", ".svn", "a")] == [True] * 3
    assert sorted(path.read_text() for path in work.glob(".envrc*")) == [".envrc", ".envrc.disarmed"]
    assert not any(path.lstat().st_mode & stat.S_ISUID for path in work.rglob("*"))
    assert message("files_removed", files=[".hg"], more=0) in notes
    assert message("files_not_disarmed", files=[".svn"], more=0) in notes


def test_L3_a_locked_folder_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an ordinary user, whom a folder's mode keeps out of it; its own work folder is locked too."""
    work = tmp_path / "work"
    for name in ("locked/.git/x", "locked/deep/.hg/x"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("")
    (work / "suid").write_text("")
    if os.geteuid() == 0:
        for path in (work, *work.rglob("*")):
            os.chown(path, 65534, 65534, follow_symlinks=False)
    for name, mode in (("suid", 0o4111), ("locked/.git", 0o311), ("locked/deep", 0), ("locked", 0o311), (".", 0o1111)):
        (work / name).chmod(mode)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    with _as_nobody():
        notes = disarm(Path("work"))
    left = sorted(path.relative_to(work).as_posix() for path in work.rglob("*") if not path.is_dir())
    assert left == ["locked/.git.disarmed/x", "locked/deep/.hg.disarmed/x", "suid"]
    assert not (work / "suid").stat().st_mode & stat.S_ISUID and work.stat().st_mode & 0o7700 == 0o700
    assert [note.kind for note in notes] == ["files_disarmed", "setuid_cleared"]


@contextmanager
def _as_nobody() -> Iterator[None]:
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.mark.linux
def test_L3_notes_can_be_printed_whatever_the_files_are_called(tmp_path: Path) -> None:
    for name in (b"\xff\x1b[31m\n", b"\xc3\xbc", b"x" * 250):
        (tmp_path / "work" / os.fsdecode(name) / ".git").mkdir(parents=True)
    (note,) = disarm(tmp_path / "work")
    files = note.facts["files"]
    assert all(name.encode().decode().isprintable() and len(name) < 110 for name in files)
    assert "ü/.git" in files and r"\udcff\x1b[31m\n/.git" in files


@pytest.mark.linux
def test_L3_what_a_real_session_leaves_is_disarmed_and_told(bench: "Bench") -> None:
    spec = bench.program(
        "import json, os\n"
        "os.mkdir('.git'); open('tool', 'w').close(); os.chmod('tool', 0o4755); os.symlink('/etc', 'etc')\n"
        "json.dump([{'id': 'a'}], open('output.json', 'w'))\n"
    )
    ending = asyncio.run(bench.run(spec))
    assert sorted(path.name for path in (spec.folder / "work").iterdir()) == [
        ".git.disarmed",
        "items.json",
        "output.json",
        "tool",
    ]
    assert {note.kind for note in ending.notes} == {
        *("settings_ignored", "files_disarmed", "setuid_cleared", "files_removed")
    }


def test_a_program_is_told_the_file_to_write_for_each_item(bench: "Bench") -> None:
    spec = bench.program(
        "import json, os\n"
        "for item in json.load(open('items.json')):\n"
        "    os.makedirs(os.path.dirname(item['output']), exist_ok=True)\n"
        "    open(item['output'], 'w').write('text')\n",
        ids=("in/a.txt", "in/b", "../x"),
    )
    spec = altered(spec, output=replace(spec.output, shape="files", file="out/{id}.md"))
    ending = asyncio.run(bench.run(spec))
    assert len(ending.artifacts) == 3 and ending.output_faults == ()
    told = json.loads((spec.folder / "work" / "items.json").read_text())
    assert [item["output"] for item in told] == [artifact.name for artifact in ending.artifacts]
