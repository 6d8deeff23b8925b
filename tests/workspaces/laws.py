"""What every workspace must keep, as functions of a workspace and a scratch folder; a new kind passes them all.

@pytest.mark.parametrize("law", LAWS)
def test_a_repo_workspace_keeps_the_laws(law, tmp_path): law(RepoWorkspace(...), tmp_path)
"""

import os
from collections.abc import Callable
from pathlib import Path

from harness.base.artifacts import ArtifactStore
from harness.core.seam import GIVEN, Collected, Workspace
from harness.job.job import OutputSpec

Law = Callable[[Workspace, Path], None]

ONE = OutputSpec("out.json", "array", ".id", ".id", (), None, None)
FILES = OutputSpec("sub/{id}.md", "files", ".id", ".id", (), None, None)
SECRET = "a secret of the host"


def _prepared(workspace: Workspace, folder: Path, *files: str) -> Path:
    """A place that is ready, with a secret outside of it."""
    place = folder / "attempt" / "work"
    place.parent.mkdir()
    (folder / "secret").write_text(SECRET)
    workspace.prepare(place, files)
    return place


def _store(folder: Path) -> ArtifactStore:
    (folder / "artifacts").mkdir(exist_ok=True)
    return ArtifactStore(folder / "artifacts")


def _contents(store: ArtifactStore, collected: Collected) -> list[bytes]:
    return [store.get(artifact.sha) for artifact in collected.artifacts]


def it_lies_in_its_place_alone(workspace: Workspace, folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    place = _prepared(workspace, folder)
    assert place.is_dir() and place.stat().st_mode & 0o077 == 0
    assert {path.name for path in folder.iterdir()} - before <= {"attempt", "secret"}
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def the_folders_of_expected_files_are_there(workspace: Workspace, folder: Path) -> None:
    place = _prepared(workspace, folder, "a/b/c.md", "d.md")
    assert (place / "a" / "b").is_dir() and not (place / "d.md").exists()


def its_names_are_free_for_what_an_attempt_is_given(workspace: Workspace, folder: Path) -> None:
    place = _prepared(workspace, folder)
    assert not [name for name in GIVEN if (place / name).exists()]


def only_the_place_is_writable(workspace: Workspace, folder: Path) -> None:
    place = _prepared(workspace, folder)
    first, *others = workspace.mounts(place)
    assert (first.source, first.path, first.is_writable) == (place, "", True)
    for mount in others:
        is_inside = mount.source.resolve().is_relative_to(place.resolve())
        assert not mount.is_writable or is_inside, f"{mount.source} can be written"
    assert len({mount.path for mount in (first, *others)}) == 1 + len(others)


def what_is_collected_is_a_copy(workspace: Workspace, folder: Path) -> None:
    place, store = _prepared(workspace, folder), _store(folder)
    (place / "out.json").write_text("[1]")
    collected = workspace.collect(place, ONE, ["a"], store)
    (place / "out.json").write_text("changed later")
    assert _contents(store, collected) == [b"[1]"] and not collected.output_faults


def what_is_missing_is_a_fault_and_no_error(workspace: Workspace, folder: Path) -> None:
    place, store = _prepared(workspace, folder), _store(folder)
    for gone in (False, True):
        if gone:
            workspace.remove(place)
        collected = workspace.collect(place, ONE, ["a"], store)
        (fault,) = collected.output_faults
        assert fault.reason.kind == "file_missing" and not collected.artifacts


def collecting_follows_no_link(workspace: Workspace, folder: Path) -> None:
    """Of the file, nor of a folder on the way to it."""
    place, store = _prepared(workspace, folder, "sub/a.md"), _store(folder)
    (place / "out.json").symlink_to(folder / "secret")
    assert SECRET.encode() not in _contents(store, workspace.collect(place, ONE, ["a"], store))
    (folder / "other").mkdir()
    (folder / "other" / "a.md").write_text(SECRET)
    (place / "sub").rmdir()
    (place / "sub").symlink_to(folder / "other")
    assert SECRET.encode() not in _contents(store, workspace.collect(place, FILES, ["a"], store))


def what_an_attempt_is_given_is_not_collected(workspace: Workspace, folder: Path) -> None:
    place, store = _prepared(workspace, folder, "sub/a.md"), _store(folder)
    (place / "sub" / "a.md").write_text("good")
    (place / "items.json").write_text("given")
    assert _contents(store, workspace.collect(place, FILES, ["a"], store)) == [b"good"]


def collecting_leaves_everything_where_it_is(workspace: Workspace, folder: Path) -> None:
    """It is done while the session runs, too."""
    place, store = _prepared(workspace, folder), _store(folder)
    (place / "out.json").write_text("[]")
    (place / ".envrc").write_text("")
    before = sorted(path.name for path in place.iterdir())
    workspace.collect(place, ONE, ["a"], store)
    assert sorted(path.name for path in place.iterdir()) == before


def what_stays_is_harmless(workspace: Workspace, folder: Path) -> None:
    """A link out, a setuid program, a hook that a shell, an editor or git would run: gone or renamed, and named."""
    place = _prepared(workspace, folder)
    (place / "out").symlink_to(folder)
    (place / "tool").write_text("")
    (place / "tool").chmod(0o4755)
    (place / "deep").mkdir()
    (place / "deep" / ".envrc").write_text("touch /tmp/ran")
    os.mkfifo(place / "pipe")
    named = [name for note in workspace.tidy(place) for name in note.facts["files"]]
    assert not (place / "out").is_symlink() and not (place / "pipe").exists()
    assert not (place / "tool").stat().st_mode & 0o7000 and not (place / "deep" / ".envrc").exists()
    assert sorted(named) == ["deep/.envrc", "out", "pipe", "tool"]


def output_survives_tidying(workspace: Workspace, folder: Path) -> None:
    place, store = _prepared(workspace, folder), _store(folder)
    (place / "out.json").write_text("[2]")
    assert not workspace.tidy(place) and not workspace.tidy(place)
    assert _contents(store, workspace.collect(place, ONE, ["a"], store)) == [b"[2]"]


def tidying_touches_nothing_outside(workspace: Workspace, folder: Path) -> None:
    place = _prepared(workspace, folder)
    (folder / ".envrc").write_text("mine")
    (place / "up").symlink_to(folder)
    workspace.tidy(place)
    assert (folder / ".envrc").read_text() == "mine" and (folder / "secret").read_text() == SECRET


def removed_is_gone(workspace: Workspace, folder: Path) -> None:
    place = _prepared(workspace, folder)
    (place / "deep").mkdir()
    (place / "deep" / "file").write_text("x")
    (place / "up").symlink_to(folder)
    assert workspace.remove(place) and not workspace.remove(place)
    assert not list(place.parent.iterdir()) and (folder / "secret").read_text() == SECRET


def what_is_kept_stays_and_nothing_else(workspace: Workspace, folder: Path) -> None:
    place = _prepared(workspace, folder, "sub/a.md")
    (place / "sub" / "a.md").write_text("output")
    (place / "rubbish").write_text("x")
    (place / "linked").symlink_to(folder / "secret")
    assert workspace.remove(place, ["sub/a.md", "linked", "../../secret", "never there"])
    assert [path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()] == ["sub/a.md"]
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert (folder / "secret").read_text() == SECRET


LAWS: tuple[Law, ...] = (
    it_lies_in_its_place_alone,
    the_folders_of_expected_files_are_there,
    its_names_are_free_for_what_an_attempt_is_given,
    only_the_place_is_writable,
    what_is_collected_is_a_copy,
    what_is_missing_is_a_fault_and_no_error,
    collecting_follows_no_link,
    what_an_attempt_is_given_is_not_collected,
    collecting_leaves_everything_where_it_is,
    what_stays_is_harmless,
    output_survives_tidying,
    tidying_touches_nothing_outside,
    removed_is_gone,
    what_is_kept_stays_and_nothing_else,
)
