"""A company's managed settings for Claude Code on this machine: where they lie, and what a start must know of them.

They win over everything else in the CLI, and no switch of ours turns them off; a sandbox must only not hide them. Those
that a server gives an account come with its answers, and are the CLI's own business.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

FOLDERS = (
    ("/Library/Application Support/ClaudeCode",)
    if sys.platform == "darwin"
    else ("/etc/claude-code", "/mnt/c/Program Files/ClaudeCode")
)
"""Where the CLI 2.1.329 looks: managed-settings.json, managed-settings.d/, managed-mcp.json, CLAUDE.md and
.claude/; the second one is that of Windows around WSL."""


def managed_paths() -> list[Path]:
    """What a session must see, at its own path: folders, and what links in them lead to. Mostly nothing."""
    found = []
    for folder in map(Path, FOLDERS):
        if folder.is_dir():
            links = (path for path in [folder, *folder.rglob("*")] if path.is_symlink() and path.exists())
            found += [folder, *(link.resolve() for link in links)]
    return found


def managed_files() -> list[Path]:
    """The settings themselves, in the order in which the CLI lays them over each other."""
    found: list[Path] = []
    for folder in map(Path, FOLDERS):
        with suppress(OSError):
            more = sorted((folder / "managed-settings.d").glob("[!.]*.json"))
            found += [path for path in (folder / "managed-settings.json", *more) if path.is_file()]
    return found


def forbids_bypass() -> bool:
    """Whether any of them keeps sessions from running without permission checks, as in the sandbox they otherwise do.

    True also for settings that cannot be read: with checks a session runs either way.
    """
    return any(_forbids(content) for content in map(_content, managed_files()))


def _forbids(settings: Any) -> bool:
    if not isinstance(settings, dict):
        return True
    permissions = settings.get("permissions", {})
    words = [settings, permissions] if isinstance(permissions, dict) else [settings]
    return any(word.get("disableBypassPermissionsMode") in ("disable", True) for word in words)


def _content(path: Path) -> Any:
    with suppress(OSError, ValueError, RecursionError):
        return json.loads(path.read_bytes())
    return None
