"""errors.jsonl, a file that harness writes into a folder of the user's, where one of that name may lie already."""

import re
from pathlib import Path

NAME = "errors.jsonl"
_BEGINS = re.compile(rb'\{"batch": \d+, "phase": "')
_ENDS = re.compile(rb'\], "retryScheduled": (true|false)\}\n\Z')
_LOOKED_AT_BYTES = 64


def is_ours(path: Path) -> bool:
    """Was it written by harness, by its first and last bytes? An empty file, or one that cannot be read, was not."""
    try:
        with path.open("rb") as file:
            begins = _BEGINS.match(file.read(_LOOKED_AT_BYTES))
            file.seek(max(0, path.stat().st_size - _LOOKED_AT_BYTES))
            return bool(begins and _ENDS.search(file.read()))
    except OSError:
        return False
