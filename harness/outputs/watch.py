"""Tells when the output of a running session is there and stands still, so that a look at a copy may be worth it."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from itertools import islice, takewhile
from pathlib import Path
from typing import Final

from harness.base.folder_watch import FolderWatch
from harness.core.names import around, fixed_folder, is_of_a_tree
from harness.job.job import OutputSpec

SETTLE_S: Final = 0.3
_MOST_ENTRIES: Final = 10_000

State = tuple[tuple[str, int, int, int], ...]
"""Name, inode, size and time of change of each output file."""


async def changes(work: Path, output: OutputSpec, stop: asyncio.Event) -> AsyncGenerator[None]:
    """Yield when output files exist, differ from the last time and have not changed for SETTLE_S; end with `stop`.

    The folder may vanish; then nothing more is yielded until `stop`. Holds one descriptor: iterate under `aclosing`.
    """
    seen: State = ()
    with FolderWatch() as watch:
        while not stop.is_set():
            folders, state = _look(work, output.file)
            if watch.watch(folders):
                continue
            if not state or state == seen:
                await watch.changed(stop)
                continue
            await _sleep(SETTLE_S, stop)
            if not stop.is_set() and _look(work, output.file)[1] == state:
                seen = state
                yield


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def _look(work: Path, pattern: str) -> tuple[list[Path], State]:
    """The folders in which an output file may appear, outermost first, and the files that are there."""
    if is_of_a_tree(pattern):
        return _look_below(work, fixed_folder(pattern))
    *inner, last = pattern.split("/")
    level = folders = [work]
    for part in inner:
        level = [Path(entry.path) for folder in level for entry in _alike(folder, part) if _is_folder(entry)]
        folders = folders + level
    return folders, tuple(sorted(row for folder in level for entry in _alike(folder, last) if (row := _row(entry))))


def _look_below(work: Path, fixed: str) -> tuple[list[Path], State]:
    """All below the folder that the pattern begins with, as far as it is there already."""
    parts = fixed.split("/") if fixed else []
    ways = [work.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    folders = list(takewhile(lambda way: way.is_dir() and not way.is_symlink(), ways))
    rows: list[tuple[str, int, int, int]] = []
    todo = [folders[-1]] if len(folders) == len(ways) else []
    while todo and len(rows) + len(folders) < _MOST_ENTRIES:
        with suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in islice(entries, _MOST_ENTRIES):
                if _is_folder(entry) and not entry.name.startswith("."):
                    todo.append(Path(entry.path))
                    folders.append(todo[-1])
                elif row := _row(entry):
                    rows.append(row)
    return folders, tuple(sorted(rows))


def _alike(folder: Path, part: str) -> Iterator[os.DirEntry[str]]:
    """Entries that `part` may name, its placeholders standing for anything."""
    ends = around(part)
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, _MOST_ENTRIES):
                if entry.name == part or (ends and entry.name.startswith(ends[0]) and entry.name.endswith(ends[1])):
                    yield entry
    except OSError:
        return


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _row(entry: os.DirEntry[str]) -> tuple[str, int, int, int] | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    return (entry.path, status.st_ino, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
