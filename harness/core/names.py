"""Names of files made from ids: for the prompt's contract and for taking and merging one file per item."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from harness.core.item_ids import folded
from harness.job.job import EXACT_ID

_ID = "{id}"
_STEM = "{stem}"
_MOST_BYTES = 150
_PUNCTUATION = frozenset(" _-.,'()&+=")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LOOKS_MANGLED = re.compile(r"~[0-9a-f]{16}$")


def place_in(pattern: str) -> str:
    """What stands for the item in a pattern: `{id}` or `{stem}`."""
    return next((name for name in (_STEM, EXACT_ID) if name in pattern), _ID)


def file_name_for(pattern: str, id_: str) -> str:
    """`pattern` with `{id}` replaced by a name that is safe for a file: `{id}.md`, `S0001` -> `S0001.md`.

    `{stem}` is for ids that are paths: `in/scan.pdf` -> `scan.md`; `same_stem` says whether it tells items apart.

    An id that could become another path, a flag, a hidden file, a device or too long a name is replaced by what is
    readable of it and a hash: `../x` -> `x~3f0a....md`. Different ids give different names.
    """
    if EXACT_ID in pattern:
        return pattern.replace(EXACT_ID, _distinct_name(id_))
    return pattern.replace(_ID, safe_name(id_)).replace(_STEM, safe_name(PurePosixPath(id_).stem))


def same_stem(pattern: str, ids: Iterable[str]) -> tuple[str, str, str] | None:
    """Two ids that a pattern with `{stem}` gives the same file, and that file; None when there are none."""
    seen: dict[str, str] = {}
    for id_ in ids if _STEM in pattern else ():
        name = file_name_for(pattern, id_)
        first = seen.setdefault(folded(name), id_)
        if first != id_:
            return first, id_, name
    return None


def safe_name(id_: str) -> str:
    """The id itself where it is a harmless name, else a readable rest with `~` and 16 hex digits of its hash."""
    if _is_harmless(id_):
        return id_
    readable = "".join(character if _is_ordinary(character) else "_" for character in unicodedata.normalize("NFC", id_))
    readable = readable.encode()[:80].decode(errors="ignore").strip(" ._-")
    return f"{readable}~{_digits(id_)}"


def _distinct_name(id_: str) -> str:
    """A safe name that no other id has, whatever the case of its letters."""
    name = safe_name(id_)
    return name if name != id_ or folded(id_) == id_ else f"{name}~{_digits(id_)}"


def _digits(id_: str) -> str:
    return hashlib.sha256(id_.encode(errors="surrogatepass")).hexdigest()[:16]


def _is_harmless(id_: str) -> bool:
    return (
        bool(id_)
        and all(map(_is_ordinary, id_))
        and id_[0] not in " .-"
        and id_[-1] not in " ."
        and len(id_.encode()) <= _MOST_BYTES
        and unicodedata.is_normalized("NFC", id_)
        and not _RESERVED.fullmatch(id_)
        and not _LOOKS_MANGLED.search(id_)
    )


def _is_ordinary(character: str) -> bool:
    return character in _PUNCTUATION or unicodedata.category(character)[0] in "LNM"
