"""Laws of merging files: a folder that is replaced whole."""

from pathlib import Path

import pytest

from harness.base.artifacts import ArtifactStore
from harness.outputs import merged_folder
from harness.outputs.merge import hash_of, prepare, publish
from tests.outputs.merging import modes, put_files, spec_of


def test_files_merge_into_a_folder_that_replaces_the_last_one(tmp_path: Path, store: ArtifactStore) -> None:
    target, spec = tmp_path / "essays", spec_of("files", "{id}.md")
    first = prepare(target, put_files(store, {"A": b"one", "B": b"two"}), spec, store)
    publish(first)
    assert (hash_of(target), first.records, first.size_bytes) == (first.sha, 2, 6)
    second = prepare(target, put_files(store, {"B": b"two!", "C": b"\xff"}), spec, store)
    assert (target / "A.md").read_bytes() == b"one"
    publish(second)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"B.md": b"two!", "C.md": b"\xff"}
    assert hash_of(target) == second.sha != first.sha
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifacts", "essays"]


def test_where_names_cannot_be_exchanged_the_folder_is_replaced_all_the_same(
    tmp_path: Path, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.outputs.merged_folder._exchange", lambda one, other: False)
    test_files_merge_into_a_folder_that_replaces_the_last_one(tmp_path, store)


def test_a_fixed_folder_of_the_pattern_is_left_out_and_the_hash_sees_every_change(
    tmp_path: Path, store: ArtifactStore
) -> None:
    target = tmp_path / "essays"
    prepared = prepare(
        target, put_files(store, {"A": b"one", "B": b"two"}, "out/"), spec_of("files", "out/{id}.md"), store
    )
    publish(prepared)
    assert sorted(path.name for path in target.iterdir()) == ["A.md", "B.md"]
    seen = {hash_of(target)}
    (target / "A.md").write_bytes(b"edited")
    seen.add(hash_of(target))
    (target / "A.md").rename(target / "C.md")
    seen.add(hash_of(target))
    (target / "link").symlink_to("B.md")
    seen.add(hash_of(target))
    assert len(seen) == 4


def test_the_hash_of_a_folder_does_not_depend_on_the_order_on_disk(
    tmp_path: Path, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "essays"
    publish(prepare(target, put_files(store, {"A": b"one", "B": b"two"}), spec_of("files", "{id}.md"), store))
    first = hash_of(target)
    real = merged_folder._below
    monkeypatch.setattr(merged_folder, "_below", lambda path: reversed(list(real(path))))
    assert hash_of(target) == first


@pytest.mark.usefixtures("umask")
def test_a_folder_of_results_and_what_is_in_it_keep_a_persons_chmod(tmp_path: Path, store: ArtifactStore) -> None:
    pieces = put_files(store, {"A": b"a", "B": b"b"})
    spec, target = spec_of("files", "{id}.md"), tmp_path / "all"
    publish(prepare(target, pieces, spec, store))
    assert modes(target, target / "A.md", target / "B.md") == ["750", "640", "640"]
    target.chmod(0o755)
    (target / "A.md").chmod(0o644)
    publish(prepare(target, pieces, spec, store))
    assert modes(target, target / "A.md", target / "B.md") == ["755", "644", "640"]
