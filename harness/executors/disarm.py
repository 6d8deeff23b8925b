"""Makes what a session leaves harmless for who looks at it later: a shell, an editor or git that is started there."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from harness.base.beneath import opened_file, opened_folder, opened_folder_in
from harness.base.texts import whole

SETTINGS = (".claude", "CLAUDE.md", "CLAUDE.local.md", "AGENTS.md", ".mcp.json", ".envrc", ".git")
"""What a CLI or a shell loads from the folder it is started in; sessions of ours are told not to."""

_ARMED = frozenset(
    {*SETTINGS, ".hg", ".svn", ".jj", ".vscode", ".idea", ".cursor", ".devcontainer", ".direnv", ".zed", ".nova"}
    | {".mise.toml", "mise.toml", ".autoenv", ".autoenv.zsh", ".env.zsh", ".editorrc", ".vimrc", ".exrc", ".nvim.lua"}
)
_FOLDED = frozenset(name.casefold() for name in _ARMED)
_BARE = frozenset({"HEAD", "objects", "refs"})
"""A folder with these is a repository to git, whatever it is called."""

ENDING = ".disarmed"
_MOST_FOLDERS = 20_000
_MOST_DEPTH = 200
_SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


def disarm(work: Path) -> list[str]:
    """Rename project files that something would load or run (`.git` -> `.git.disarmed`), clear setuid bits, and remove
    links that lead out of the folder, and pipes, sockets and devices; returns notes. Only once its session has ended.

    Whatever is deeper than 200 folders is left alone. `input`, our own link, stays.
    """
    counts: dict[str, list[str]] = {"renamed": [], "no longer setuid": [], "links that led out were removed": []}
    waiting: list[tuple[str, ...]] = [()]
    real = os.path.realpath(work)
    for _ in range(_MOST_FOLDERS):
        if not waiting:
            break
        names = waiting.pop()
        with suppress(OSError), opened_folder(work, names) as folder:
            waiting += [(*names, name) for name in _disarmed(folder, names, real, counts)]
    return [_note(what, found) for what, found in counts.items() if found]


def _disarmed(folder: int, names: tuple[str, ...], work: str, counts: dict[str, list[str]]) -> Iterator[str]:
    """Disarm what lies in one folder; the names of the folders in it, as they are called now."""
    with os.scandir(folder) as listing:
        entries = [(entry.name, entry.stat(follow_symlinks=False).st_mode) for entry in listing]
    is_bare = {name for name, _ in entries} >= _BARE
    for name, mode in entries:
        where = "/".join((*names, name))
        if stat.S_ISLNK(mode):
            if where != "input" and _leads_out(os.path.join(work, where), work):  # noqa: PTH118
                os.unlink(name, dir_fd=folder)
                counts["links that led out were removed"].append(where)
            continue
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            os.unlink(name, dir_fd=folder)
            continue
        if mode & _SPECIAL:
            _clear(name, folder, mode)
            counts["no longer setuid"].append(where)
        if name.casefold() in _FOLDED or (is_bare and name == "HEAD"):
            os.rename(name, f"{name}{ENDING}", src_dir_fd=folder, dst_dir_fd=folder)
            counts["renamed"].append(where)
            name = f"{name}{ENDING}"
        if stat.S_ISDIR(mode) and len(names) < _MOST_DEPTH:
            yield name


def _leads_out(link: str, work: str) -> bool:
    target = os.path.realpath(link)
    return target != work and not target.startswith(f"{work}/")


def _clear(name: str, folder: int, mode: int) -> None:
    opening = opened_folder_in if stat.S_ISDIR(mode) else opened_file
    with opening(name, folder) as descriptor:
        os.fchmod(descriptor, stat.S_IMODE(mode) & ~_SPECIAL)


def _note(what: str, found: list[str]) -> str:
    more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
    return whole(f"disarmed: {', '.join(found[:5])}{more}: {what}")
