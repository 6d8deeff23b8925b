"""The Claude Code CLI that the SDK brings along: which version it is, and whether it is the one that was released."""

import base64
import hashlib
from importlib import metadata

from harness.backends.cli_start import cli_folder

TESTED = ("2.1.329", "2.1.332")
"""The oldest and the newest that the whole suite ran with (docs/measurements.md): of the claude-agent-sdk's that
pyproject.toml allows, the first and the newest."""
_DISTRIBUTION = "claude-agent-sdk"


def bundled_version() -> str:
    """Such as `2.1.329`; empty when the SDK does not say. Nothing is started."""
    try:
        return (cli_folder() / "claude.version").read_text(encoding="utf-8", errors="replace").partition(" ")[0].strip()
    except OSError:
        return ""


def untested(version: str) -> str | None:
    """How a version lies outside of those that were tested; None when it does not."""
    oldest, newest = map(_numbers, TESTED)
    number = _numbers(version)
    if number is not None and oldest is not None and newest is not None and oldest <= number <= newest:
        return None
    told = f"Claude Code {version}" if version else "a Claude Code that does not say its version"
    return f"{told} was not tested with this harness (tested: {TESTED[0]} to {TESTED[1]})"


def is_as_released() -> bool | None:
    """Whether the bytes of the CLI are those that the SDK's wheel lists; None when nothing lists them. Takes 0.5 s."""
    program = cli_folder() / "claude"
    try:
        files = metadata.files(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    listed = next((file.hash for file in files if file.parts[-2:] == ("_bundled", "claude")), None)
    if listed is None or listed.mode != "sha256":
        return None
    with program.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=") == listed.value.rstrip("=")


def _numbers(version: str) -> tuple[int, ...] | None:
    parts = version.split(".")
    return tuple(map(int, parts)) if parts and all(part.isdecimal() for part in parts) else None
