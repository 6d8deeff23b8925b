"""Laws of what is kept: nothing in it runs when somebody looks at it, and it fits on the disk."""

import asyncio
import json
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.executors.disarm import disarm

if TYPE_CHECKING:
    from tests.executors.conftest import Bench


def test_L3_git_runs_nothing_that_a_session_has_left(tmp_path: Path) -> None:
    """core.fsmonitor, in a repository and in a folder that is one to git; before, and after."""
    work, ran = tmp_path / "work", tmp_path / "ran"
    bare = work / "data" / "x"
    for folder, options in ((work, ()), (bare, ("--bare",))):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "init", "-q", *options, folder], check=True)
        config = folder / ("config" if options else ".git/config")
        text = config.read_text().replace("bare = true", f"bare = false\n\tworktree = {bare}")
        config.write_text(f"{text}\n[core]\n\tfsmonitor = touch {ran}; false\n")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    for folder, has_run in ((work, True), (bare, True), (work, False), (bare, False)):
        if not has_run and (work / ".git").exists():
            assert any("renamed" in note for note in disarm(work))
        ran.unlink(missing_ok=True)
        subprocess.run(["git", "status"], cwd=folder, env=env, capture_output=True, check=False)
        assert ran.exists() == has_run, folder
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
    (work / "inside").symlink_to("deep/.VSCode")
    (work / "input").symlink_to("../input")
    os.mkfifo(work / "pipe")
    notes = disarm(work)
    left = {path.relative_to(work).as_posix() for path in work.rglob("*") if not path.is_dir() or path.is_symlink()}
    assert left == {
        *(".claude.disarmed/settings.json", ".envrc.disarmed", ".idea.disarmed/x", "kept/.gitignore", "suid"),
        *("deep/.VSCode.disarmed/tasks.json", "deep/up", "inside", "input"),
    }
    assert all(not path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX) for path in work.rglob("*"))
    assert [note.rpartition(": ")[2] for note in notes] == [
        "renamed",
        "no longer setuid",
        "links that led out were removed",
    ]
    assert disarm(work) == []


def test_a_name_that_is_no_utf8_is_told_in_text_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff")).symlink_to("/etc")
    assert disarm(tmp_path) == ["disarmed: \ufffd: links that led out were removed"]


def test_L3_a_folder_swapped_for_a_link_is_not_gone_into(tmp_path: Path) -> None:
    (tmp_path / "theirs" / ".git").mkdir(parents=True)
    (tmp_path / "work").symlink_to("theirs")
    assert disarm(tmp_path / "work") == [] and (tmp_path / "theirs" / ".git").is_dir()


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
    assert {note.partition(":")[0] for note in ending.notes} == {"ignored", "disarmed"}


def test_a_program_is_told_the_file_to_write_for_each_item(bench: "Bench") -> None:
    spec = bench.program(
        "import json, os\n"
        "for item in json.load(open('items.json')):\n"
        "    os.makedirs(os.path.dirname(item['output']), exist_ok=True)\n"
        "    open(item['output'], 'w').write('text')\n",
        ids=("in/a.txt", "in/b", "../x"),
    )
    spec = replace(spec, output=replace(spec.output, shape="files", file="out/{id}.md"))
    ending = asyncio.run(bench.run(spec))
    assert len(ending.artifacts) == 3 and ending.output_faults == ()
    told = json.loads((spec.folder / "work" / "items.json").read_text())
    assert [item["output"] for item in told] == [artifact.name for artifact in ending.artifacts]
