"""Accepted records put into a store, and merged."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId
from harness.base.slices import ItemSlice
from harness.core.types import Accepted
from harness.job.job import OutputSpec, Shape
from harness.outputs.merge import fragment, hash_of, prepare, publish


def store_in(folder: Path) -> ArtifactStore:
    (folder / "artifacts").mkdir()
    return ArtifactStore(folder / "artifacts")


def spec_of(shape: Shape = "array", file: str = "output.json", schema: Any = None, key: str = ".id") -> OutputSpec:
    return OutputSpec(file, shape, key, ".id", (), schema, None)


def put_records(store: ArtifactStore, records: dict[str, list[Any]]) -> dict[str, ItemSlice]:
    """One attempt's accepted records."""
    ids = [ItemId(id_) for id_ in records]
    kept = fragment({id_: Accepted(tuple(records[id_])) for id_ in ids}, ids)
    assert {piece.sha for piece in kept.slices.values()} <= {store.put(kept.content)}
    return {id_: ItemSlice(id_, kept.slices[id_]) for id_ in ids}


def merged_bytes(target: Path, pieces: Iterable[ItemSlice], output: OutputSpec, store: ArtifactStore) -> bytes:
    prepared = prepare(target, pieces, output, store)
    publish(prepared)
    assert hash_of(target) == prepared.sha
    assert prepared.size_bytes == target.stat().st_size
    return target.read_bytes()


def put_files(store: ArtifactStore, contents: dict[str, bytes], folder: str = "") -> list[ItemSlice]:
    records = {
        id_: [{"id": id_, "file": f"{folder}{id_}.md", "sha": store.put(content), "size": len(content)}]
        for id_, content in contents.items()
    }
    return list(put_records(store, records).values())


def modes(*paths: Path) -> list[str]:
    return [f"{path.stat().st_mode & 0o7777:o}" for path in paths]
