"""Laws of removal: whatever a session left, all of it goes, and nothing beside it."""

import os
from pathlib import Path

import pytest

from harness.base.removal import remove_tree


def deep(folder: Path, levels: int) -> None:
    """Deeper than any path can name, and than Python can recurse."""
    inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("d" * 20, dir_fd=inner)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
        below = os.open("d" * 20, os.O_RDONLY | os.O_DIRECTORY, dir_fd=inner)
        os.close(inner)
        inner = below
    os.close(inner)


def test_I12_a_tree_deeper_than_a_path_can_name_is_removed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    deep(tree, 3000)
    with pytest.raises(OSError, match="too long"):
        Path(f"{tree}/{'/'.join(['d' * 20] * 3000)}").stat()
    remove_tree(tree)
    assert list(tmp_path.iterdir()) == []


def test_I12_names_made_to_break_a_removal_are_removed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    names = [b"-rf", b"\n", b"\xff\xfe", b"a" * 255, b".gone-0", "\u202e\u0000".encode()[:3], b"*", b"--help"]
    for name in names:
        inner = os.fsencode(tree) + b"/" + name
        Path(os.fsdecode(inner)).mkdir(parents=True)
        for deeper in names:
            Path(os.fsdecode(inner + b"/" + deeper)).touch()
    os.mkfifo(tree / "pipe")
    remove_tree(tree)
    assert list(tmp_path.iterdir()) == []


def test_I12_a_removal_follows_no_link(tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "gold").write_text("gold")
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    for link in (tree / "link", tree / "inner" / "link"):
        link.symlink_to(treasure, target_is_directory=True)
    os.link(treasure / "gold", tree / "inner" / "hard")
    remove_tree(tree)
    assert not tree.exists()
    assert (treasure / "gold").read_text() == "gold"
    link = tmp_path / "link"
    link.symlink_to(treasure, target_is_directory=True)
    remove_tree(link)
    assert (treasure / "gold").read_text() == "gold"


def test_folders_without_permissions_are_removed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").touch()
    (tree / "a" / "b").chmod(0)
    (tree / "a").chmod(0)
    remove_tree(tree)
    assert not tree.exists()


def test_a_wide_tree_is_removed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(3000):
        (tree / str(number)).mkdir()
        (tree / str(number) / "file").touch()
    remove_tree(tree)
    assert not tree.exists()


def test_what_cannot_be_removed_stays_and_the_rest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    (tree / "kept").mkdir(parents=True)
    (tree / "kept" / "immutable").touch()
    (tree / "other").mkdir()
    unlink = os.unlink

    def refuse(name: str, *, dir_fd: int) -> None:
        if name == "immutable":
            raise PermissionError(name)
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse)
    remove_tree(tree)
    assert [path.name for path in tree.rglob("*")] == ["kept", "immutable"]


def test_what_is_gone_already_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing" / "there")
