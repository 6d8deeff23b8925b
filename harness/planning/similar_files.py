"""Folders of alike files, each of which may be an item: what `init` finds where there is no list."""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness.planning.first_job import Source
from harness.sources.file_items import in_any_case

_TEXTS: Final = (".txt", ".md", ".html", ".htm", ".xml", ".rst", ".json")
_DOCUMENTS: Final = (
    ".pdf", ".docx", ".doc", ".odt", ".rtf", ".pptx", ".eml", ".msg", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff",
)  # fmt: skip
ABOUT_A_PROJECT: Final = re.compile(r"(readme|licen[cs]e|changelog|contributing|requirements|agents|claude)\b", re.I)
_OF_TOOLS: Final = frozenset({"prompts", "output", "node_modules", "venv", "__pycache__", "dist", "build"})
_MOST_FILES: Final = 20_000


def heaps(folder: Path) -> Iterator[Source]:
    """This folder's own files, and those below each folder in it, by kind. Texts need a second one beside them."""
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and not _is_passed_over(path.name)]
    for place in (folder, *inside):
        found: dict[str, list[Path]] = {}
        for path in _files(place, is_deep=place != folder):
            is_told = place == folder and (ABOUT_A_PROJECT.match(path.name) or path.suffix.lower() == ".json")
            if path.suffix.lower() in (*_TEXTS, *_DOCUMENTS) and not is_told:
                found.setdefault(path.suffix.lower(), []).append(path)
        for suffix, paths in found.items():
            if len(paths) >= (2 if suffix in _TEXTS else 1):
                yield Source(len(paths), files=_pattern(folder, place, paths), noun="file")


def _files(place: Path, *, is_deep: bool) -> Iterator[Path]:
    seen = 0
    for top, folders, names in os.walk(place):
        folders[:] = [name for name in sorted(folders) if is_deep and not _is_passed_over(name)]
        for name in sorted(names):
            seen += 1
            if not name.startswith("."):
                yield Path(top, name)
        if seen > _MOST_FILES:
            return


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name in _OF_TOOLS


def _pattern(folder: Path, place: Path, paths: list[Path]) -> str:
    endings = {path.suffix for path in paths}
    name = f"*{endings.pop()}" if len(endings) == 1 else in_any_case(f"*{paths[0].suffix}")
    deep = "" if all(path.parent == place for path in paths) else "**/"
    where = place.relative_to(folder).as_posix()
    return f"{deep}{name}" if where == "." else f"{glob.escape(where)}/{deep}{name}"
