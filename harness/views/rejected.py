"""What an attempt wrote about an item and did not get accepted, out of its frozen output."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.base.artifacts import ArtifactStore
from harness.base.errors import LedgerDamagedError
from harness.base.ids import Sha
from harness.base.paths import read_path
from harness.core.names import file_name_for
from harness.views.attempt_rows import AttemptView

_MOST_BYTES = 32 * 1024 * 1024
_MOST_CHARACTERS = 4_000


def wrote(store: ArtifactStore, view: AttemptView, item: str) -> str | None:
    """Its records as JSON, or the beginning of a text in which none can be told apart; None when there is nothing."""
    try:
        output = json.loads((store.root.parent / view.folder / "spec.json").read_bytes())["output"]
    except (OSError, ValueError, KeyError):  # the folder was tidied away by hand
        return None
    name = file_name_for(output["file"], item) if output["shape"] == "files" else output["file"]
    for written, sha, size in view.outputs:
        if written == name and size <= _MOST_BYTES:
            try:
                text = store.get(Sha(sha)).decode(errors="replace")
            except LedgerDamagedError:  # launch says so; here the story matters
                return None
            told = (
                text
                if output["shape"] == "files"
                else _records(text, output, item, is_alone=len(view.batch.items) == 1)
            )
            return told[:_MOST_CHARACTERS] or None
    return None


def _records(text: str, output: Mapping[str, Any], item: str, *, is_alone: bool) -> str:
    try:
        found = list(_of_item(json.loads(text), output, item))
    except (ValueError, RecursionError):
        return text
    if not found and is_alone:
        return text
    return "\n".join(json.dumps(record, ensure_ascii=False) for record in found)


def _of_item(content: Any, output: Mapping[str, Any], item: str) -> Iterator[Any]:
    named = content.items() if output["shape"] == "object" and isinstance(content, dict) else ()
    listed = content if isinstance(content, list) else [content]
    for key, record in named or ((None, each) for each in listed):
        if str(read_path(record, output["item"])) == item or key == item:
            yield record
