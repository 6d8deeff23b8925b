"""What keeps the CLI 2.1.329 to the models that a session asks for and names: switches and arguments.

By itself it goes on with another model when one refuses, takes newer ones for old ids, others where an account may not
use one, and lets a session choose the models of its subagents.
"""

import json
from collections.abc import Mapping
from typing import Any

from harness.core.models import asked_by, canonical, full_name
from harness.job.job import SessionSpec

_ASKERS = frozenset({"Agent", "Workflow"})
_ALWAYS: Mapping[str, str] = {
    "CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP": "1",
    "CLAUDE_CODE_DISABLE_MODEL_ACCESS_FALLBACK": "1",
}
_NO_FALLBACK: Mapping[str, str] = {
    "CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK": "1",
    "CLAUDE_CODE_NO_MODEL_FALLBACK": "1",
}
_NAMED_FALLBACK: Mapping[str, str] = {"CLAUDE_CODE_REFUSAL_FALLBACK_CATCH_ALL": "1"}
"""Also for refusals of a category that the CLI has no model of its own for."""


def switches(session: SessionSpec) -> dict[str, str]:
    """Variables of the CLI's environment."""
    found = {**_ALWAYS, **(_NAMED_FALLBACK if session.fallback else _NO_FALLBACK)}
    if session.model is not None and _ASKERS & set(session.tools):
        found |= {"CLAUDE_CODE_SUBAGENT_MODEL": full_name(session.model), "CLAUDE_CODE_SUBAGENT_MODEL_FORCE": "1"}
    return found


def arguments(session: SessionSpec) -> list[str]:
    """Arguments of the CLI."""
    return ["--model", full_name(session.model)] if session.model is not None else []


def settings(session: SessionSpec) -> dict[str, Any]:
    """Settings of the CLI. With fallbacks it may go to those only, whatever its own table says."""
    if not session.fallback or session.model is None:
        return {}
    names = asked_by(session).names
    return {"availableModels": list(dict.fromkeys((*names, *map(full_name, names), *map(canonical, names))))}


def settings_argument(settings: Mapping[str, Any]) -> list[str]:
    """As arguments of the CLI, which takes them once."""
    return ["--settings", json.dumps(settings)] if settings else []
