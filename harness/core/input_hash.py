"""What an item asks for, as one hash; and the names of the read-only copies of items' files, the same for the prompt
and for the attempt's folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from harness.base.artifacts import sha_of
from harness.base.ids import ItemId, Sha
from harness.core.names import safe_name
from harness.core.types import Item, Json

INPUT_FOLDER = "input"


def input_paths(items: Sequence[Item]) -> Mapping[ItemId, str]:
    """`input/scan.pdf` for each item that has a file, relative to the work folder.

    Files of one name get their item's place in the group in front: `input/2-scan.pdf`.
    """
    names = {item.id: safe_name(item.file.name) for item in items if item.file is not None}
    seen = [name.casefold() for name in names.values()]
    return {
        item.id: str(
            PurePosixPath(
                INPUT_FOLDER,
                names[item.id] if seen.count(names[item.id].casefold()) == 1 else f"{place}-{names[item.id]}",
            )
        )
        for place, item in enumerate(items, start=1)
        if item.id in names
    }


def hash_of_input(item: Item, file_sha: str | None) -> Sha:
    """The hash of what an item asks for: id, row and, for a file, the hash of its bytes. The order of keys is the same
    to it."""
    content: dict[str, Json] = {"id": item.id, "data": dict(item.data)}
    if file_sha is not None:
        content["file"] = file_sha
    return sha_of(canonical(content).encode())


_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def canonical(value: Json) -> str:
    """The one JSON text of a value. ValueError for NaN, RecursionError when it is nested too deeply."""
    return _CANONICAL.encode(value)
