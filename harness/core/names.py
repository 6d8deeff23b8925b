"""Names of files made from ids: for the prompt's contract and for taking and merging one file per item."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from harness.core.item_ids import folded
from harness.job.job import EXACT_ID, PLACEHOLDERS

_ID = "{id}"
_MOST_BYTES = 150
_PUNCTUATION = frozenset(" _-.,'()&+=")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_PLACEHOLDER = re.compile("|".join(map(re.escape, PLACEHOLDERS)))
_LOOKS_MANGLED = re.compile(r"~[0-9a-f]{16}$")


def around(part: str) -> tuple[str, str] | None:
    """What stands before the first and behind the last placeholder of a name; None when it has none."""
    found = list(_PLACEHOLDER.finditer(part))
    return (part[: found[0].start()], part[found[-1].end() :]) if found else None


def fixed_folder(pattern: str) -> str:
    """`out/{id}.md` -> `out`: the folders before the first placeholder; "" without such."""
    begin = around(pattern)
    return begin[0].rpartition("/")[0] if begin else ""


def is_of_a_tree(pattern: str) -> bool:
    """Does it give files in folders of any depth?"""
    return "{relpath}" in pattern or "{dir}" in pattern


def file_name_for(pattern: str, id_: str) -> str:
    """`pattern` with its placeholders (`job.job.PLACEHOLDERS`) replaced by names that are safe for a file:
    `{id}.md`, `S0001` -> `S0001.md`; of ids that are paths, `{dir}/{stem}.md`, `in/scan.pdf` -> `in/scan.md`.

    A part of an id that could become another path, a flag, a hidden file, a device or too long a name is replaced by
    what is readable of it and a hash: `../x` -> `x~3f0a....md`. Different ids give different `{id}`; `same_file` says
    whether a pattern tells items apart.
    """
    if EXACT_ID in pattern:
        pattern = pattern.replace(EXACT_ID, _distinct_name(id_))
    path = PurePosixPath(id_)
    values = {
        _ID: lambda: safe_name(id_),
        "{relpath}": lambda: _safe_path(path.parts) or safe_name(id_),
        "{dir}": lambda: _safe_path(path.parent.parts),
        "{name}": lambda: safe_name(path.name),
        "{stem}": lambda: safe_name(path.stem),
        "{basename}": lambda: safe_name(path.stem),
        "{ext}": lambda: safe_name(path.suffix[1:]) if path.suffix[1:] else "",
    }
    filled = _PLACEHOLDER.sub(lambda match: values[match[0]](), pattern)
    if filled == pattern:
        return pattern
    return "/".join(name for part in filled.split("/") if (name := part.rstrip(".") if "{ext}" in pattern else part))


def same_file(pattern: str, ids: Iterable[str]) -> tuple[str, str, str] | None:
    """Two ids that a pattern gives the same file, or of which one gives a folder on the way to the file of the other;
    and that file. None when there are none."""
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for id_ in ids if around(pattern) and _ID not in pattern and EXACT_ID not in pattern else ():
        name = file_name_for(pattern, id_)
        key = folded(name)
        first = seen.setdefault(key, id_)
        if first != id_ or key in folders:
            return folders.get(key, first), id_, name
        for folder in PurePosixPath(key).parents:
            folders.setdefault(str(folder), id_)
            if str(folder) in seen:
                return seen[str(folder)], id_, file_name_for(pattern, seen[str(folder)])
    return None


def _safe_path(parts: Iterable[str]) -> str:
    return "/".join(safe_name(part) for part in parts if part != "/")


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
