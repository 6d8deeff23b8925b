"""Makes what a session leaves harmless for who looks at it later: a shell, an editor or git that is started there."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from harness.base.beneath import opened_file, opened_folder, opened_folder_in
from harness.base.removal import remove_tree
from harness.core.message_kinds import NoteKind
from harness.core.messages import Message, message

SETTINGS = (".claude", "CLAUDE.md", "CLAUDE.local.md", "AGENTS.md", ".mcp.json", ".envrc", ".git")
"""What a CLI or a shell loads from the folder it is started in; sessions of ours are told not to."""

_ARMED = frozenset(
    {*SETTINGS, ".hg", ".svn", ".jj", ".vscode", ".idea", ".cursor", ".devcontainer", ".direnv", ".zed", ".nova"}
    | {".mise.toml", "mise.toml", ".autoenv", ".autoenv.zsh", ".env.zsh", ".editorrc", ".vimrc", ".exrc", ".nvim.lua"}
)
_FOLDED = frozenset(name.casefold() for name in _ARMED)
_OF_GIT = frozenset({"head", "commondir"})
"""Files that make the folder around them a repository to git, whatever it is called."""

ENDING = ".disarmed"
_MOST_FOLDERS = 20_000
_MOST_DEPTH = 200
_MOST_SHOWN = 100
_MOST_NAMED = 5
_SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


def disarm(work: Path) -> list[Message]:
    """Rename project files that something would load or run (`.git` -> `.git.disarmed`), clear setuid bits, and remove
    links that lead out of the folder or nowhere, and pipes, sockets and devices; returns notes, printable ones. Only
    once its session has ended.

    What is deeper than 200 folders, or beyond 20,000 of them, is left alone and named. `input`, our own link, stays.
    """
    try:
        mode = work.lstat().st_mode
    except OSError:
        return []
    return _Disarming(work).notes() if stat.S_ISDIR(mode) else []


class _Disarming:
    """What was done, and what could not be: an entry that withstands keeps nothing from the others."""

    def __init__(self, work: Path) -> None:
        self._real = os.path.realpath(work)
        self._renamed: list[str] = []
        self._cleared: list[str] = []
        self._removed: list[str] = []
        self._failed: list[str] = []
        self._walk(work)

    def notes(self) -> list[Message]:
        done: dict[NoteKind, list[str]] = {
            "files_disarmed": self._renamed,
            "setuid_cleared": self._cleared,
            "files_removed": self._removed,
            "files_not_disarmed": self._failed,
        }
        return [_note(kind, found) for kind, found in done.items() if found]

    def _walk(self, work: Path) -> None:
        with suppress(OSError):
            _unlock_top(work)
        waiting: list[tuple[str, ...]] = [()]
        for _ in range(_MOST_FOLDERS):
            if not waiting:
                return
            names = waiting.pop()
            try:
                with opened_folder(work, names) as folder:
                    waiting += [(*names, name) for name in self._folder(folder, names)]
            except OSError:
                self._failed.append("/".join(names) or ".")
        self._failed += ["/".join(names) for names in waiting]

    def _folder(self, folder: int, names: tuple[str, ...]) -> Iterator[str]:
        """Disarm what lies in one folder; the names of the folders in it, as they are called now."""
        for name in os.listdir(folder):
            where = "/".join((*names, name))
            try:
                inner = self._entry(name, folder, where)
            except OSError:
                self._failed.append(where)
                continue
            if inner is not None and len(names) < _MOST_DEPTH:
                yield inner
            elif inner is not None:
                self._failed.append(where)

    def _entry(self, name: str, folder: int, where: str) -> str | None:
        """Disarm one; its name now if it is a folder."""
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        is_folder = stat.S_ISDIR(mode)
        is_armed = name.casefold() in _FOLDED or (name.casefold() in _OF_GIT and not is_folder)
        if not (stat.S_ISREG(mode) or is_folder):
            is_kept = stat.S_ISLNK(mode) and (where == "input" or not (is_armed or self._leads_out(where)))
            if not is_kept:
                os.unlink(name, dir_fd=folder)
                self._removed.append(where)
            return None
        new_name = self._rename(name, folder, where) if is_armed else name
        if new_name is None:
            return None
        try:
            if _set_mode(new_name, folder, mode):
                self._cleared.append(where)
        except OSError:  # a folder of somebody else may be open to us all the same
            self._failed.append(where)
        return new_name if is_folder else None

    def _rename(self, name: str, folder: int, where: str) -> str | None:
        """Its new name, which nothing had; None if it could only be removed, the old one if not even that."""
        new_name = f"{name}{ENDING}"
        if _is_there(new_name, folder):
            new_name += f"-{secrets.token_hex(4)}"
        try:
            os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            is_gone = self._remove(name, folder, where)
            (self._removed if is_gone else self._failed).append(where)
            return None if is_gone else name
        self._renamed.append(where)
        return new_name

    def _remove(self, name: str, folder: int, where: str) -> bool:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        remove_tree(Path(self._real, where))
        return not _is_there(name, folder)

    def _leads_out(self, where: str) -> bool:
        """Also what leads nowhere: that may be filled, or become a name that is given here."""
        try:
            target = os.path.realpath(os.path.join(self._real, where), strict=True)  # noqa: PTH118
        except OSError:
            return True
        return target != self._real and not target.startswith(f"{self._real}/")


def _unlock_top(work: Path) -> None:
    with opened_folder(work.parent, (), through_links=True) as parent:
        _set_mode(work.name, parent, os.stat(work.name, dir_fd=parent, follow_symlinks=False).st_mode)


def _set_mode(name: str, folder: int, mode: int) -> bool:
    """Clear special bits, and let the owner into a folder; whether there were special bits."""
    wanted = stat.S_IMODE(mode) & ~_SPECIAL | (stat.S_IRWXU if stat.S_ISDIR(mode) else 0)
    if wanted != stat.S_IMODE(mode):
        opening = opened_folder_in if stat.S_ISDIR(mode) else opened_file
        try:
            with opening(name, folder) as descriptor:
                os.fchmod(descriptor, wanted)
        except PermissionError:  # not readable for its owner, which never stops root
            os.chmod(name, wanted, dir_fd=folder)
    return bool(mode & _SPECIAL)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _note(kind: NoteKind, found: list[str]) -> Message:
    return message(kind, files=list(map(_printable, found[:_MOST_NAMED])), more=max(0, len(found) - _MOST_NAMED))


def _printable(name: str) -> str:
    """Escapes what a terminal would obey, and half a surrogate pair, which is how a byte that is no UTF-8 is read."""
    shown = name if len(name) <= _MOST_SHOWN else f"{name[:_MOST_SHOWN]}..."
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in shown)
