"""Sizes as people write them: `8 MiB`, `512 KB`, or a number of bytes."""

import re
from typing import Final

_UNITS: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?) *([a-z]*)", re.IGNORECASE)


def parse_size(text: str | int | float) -> int:
    """Bytes. ValueError for anything that is no size."""
    match = _SIZE.fullmatch(str(text).strip())
    unit = _UNITS.get(match[2].lower()) if match else None
    if isinstance(text, bool) or match is None or unit is None:
        raise ValueError(f"expected a size such as 8 MiB, 512 KB or a number of bytes, got {str(text)!r:.80}")
    return int(float(match[1]) * unit)


def size_in_words(size_bytes: int) -> str:
    """`8 MiB`, `1.5 MiB`, `900 bytes`."""
    for unit, name in ((2**20, "MiB"), (2**10, "KiB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{size_bytes} bytes"
