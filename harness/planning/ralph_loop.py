"""The Ralph loop as document 001 has it: how many iterations a list gets, and the command that starts it."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

PROMISE: Final = "BATCH_COMPLETE"
"""What the session says between `<promise>` tags once nothing is pending."""

LOOP_STEPS: Final = "prompts/ralph_loop.md"
COMMAND: Final = "ralph-loop"
PLUGINS: Final = ("ralph-loop", "ralph-wiggum")
"""Both have the command; the second is the older one."""

_EACH, _BESIDE, _MOST = 8, 20, 500
_PLAIN = " .,/-_"
"""Beside letters and digits, what a prompt may hold: the plugin hands it to a shell as it stands."""


@dataclass(frozen=True, slots=True)
class RalphLoop:
    """`pending` counts the one that was under way, too."""

    pending: int
    plugin: str
    prompt: str

    @property
    def iterations(self) -> int:
        """Eight for each item and twenty beside, at most 500."""
        return min(self.pending * _EACH + _BESIDE, _MOST)

    @property
    def command(self) -> str:
        """To be typed into Claude Code; in full, because a bare /ralph-loop is sent to the model as text by `-p`."""
        words = f'--max-iterations {self.iterations} --completion-promise "{PROMISE}"'
        return f'/{self.plugin}:{COMMAND} "{self.prompt}" {words}'


def start_with(program: str) -> str:
    """How Claude Code is started for it. A loop that was ended otherwise leaves its file behind, and without the
    variable Claude Code overrides a Stop hook after eight turns, and says nothing."""
    return f"rm -f .claude/ralph-loop.local.md && CLAUDE_CODE_STOP_HOOK_BLOCK_CAP=0 {shlex.quote(program)}"


def prompt_for(file: str) -> str:
    """The prompt of a loop whose steps stand in that file. ValueError for a name that a shell would take apart."""
    if not file or any(not (char.isalnum() or char in _PLAIN) for char in file) or shlex.quote(file) != file:
        raise ValueError(f"{file!r} cannot be used in a /{COMMAND} command: expected plain characters")
    return f"Do the next iteration as {file} says"


def pending_in(progress: Any) -> int | None:
    """How many items a batch_progress.json still has to do; None for what is none."""
    if not isinstance(progress, Mapping) or not isinstance(progress.get("pending"), list):
        return None
    current = progress.get("current_school") or progress.get("current_item")
    return len(progress["pending"]) + bool(current and current not in progress["pending"])


def plugin_in(listed: bytes) -> str | None:
    """Which of the plugins `claude plugin list --json` names as installed and enabled; None for neither."""
    try:
        entries = json.loads(listed)
    except (ValueError, RecursionError):
        return None
    enabled = {
        str(entry.get("id", "")).partition("@")[0]
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping) and entry.get("enabled") is True
    }
    return next((name for name in PLUGINS if name in enabled), None)
