"""What an interactive session is started with: the answers of its first start, its prompt, the hook of its end."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.backends import model_switches
from harness.backends.cli_start import Outfit
from harness.backends.passed_environment import Passed
from harness.backends.session import SessionStart
from harness.backends.start_request import Launch
from harness.base.files import write_private

ENDED: Final = "ended.json"
"""In its temporary folder: written by the hook when the turn is over."""

_PROMPT: Final = "prompt.txt"


def lay_out_first_start(start: SessionStart) -> None:
    """What a person has answered and set before: nothing of it is a secret."""
    known = {
        "hasCompletedOnboarding": True,
        "projects": {start.starter.view.work: {"hasTrustDialogAccepted": True}},
    }
    write_private(start.paths.config / ".claude.json", json.dumps(known).encode())
    prompt = start.spec.rendered.prompt.encode(errors="replace")
    is_command = prompt.startswith(b"/")  # a line before it makes it text
    write_private(start.paths.config / _PROMPT, b"\n" + prompt if is_command else prompt)


def launch_of(start: SessionStart, outfit: Outfit, passed: Passed, terminal: int) -> Launch:
    """Its start at the slave end of a pseudo terminal."""
    view = start.starter.view
    hook = [{"hooks": [{"type": "command", "command": f"cat > {shlex.quote(f'{view.tmp}/{ENDED}')}"}]}]
    settings = {
        **model_switches.settings(start.spec.session),
        "hooks": {"Stop": hook, "StopFailure": hook},
        "skipDangerousModePermissionPrompt": True,
        "spinnerTipsEnabled": False,
        "prefersReducedMotion": True,
    }
    switches = {
        "TERM": "xterm-256color",
        "EDITOR": f"/bin/cp ../{Path(view.config).name}/{_PROMPT}",  # from its work folder; it is cut at blanks
        "CLAUDE_CODE_DISABLE_FILE_MENTIONS": "1",
    }
    launch = outfit.launch(passed, model_switches.settings_argument(settings), switches)
    return replace(launch, terminal=terminal)
