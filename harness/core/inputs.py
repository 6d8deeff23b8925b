"""Names of the read-only copies of items' files, the same for the prompt and for the attempt's folder."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from harness.base.ids import ItemId
from harness.core.names import safe_name
from harness.core.types import Item

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
