"""Which model is which: the names that people write, and the ids that answers carry."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from harness.job.environment import uses_cloud
from harness.job.job import SessionSpec

_DECORATION = re.compile(r"(\[[12]m\]|@\d{8}|-\d{8}|-v\d+(:\d+)?|-latest)$")
_REGION = re.compile(r"^(arn:.*/)?(([a-z-]+\.)?anthropic[./])?")
_DEFAULTS: Final = {
    "opus": "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "sonnet": "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "haiku": "ANTHROPIC_DEFAULT_HAIKU_MODEL",
}
_SWITCHED: Final = {"best": ("opus", "fable", "mythos"), "opusplan": ("opus", "sonnet")}
"""Aliases that stand for more than one model."""

ALIASES: Final = {
    "opus": "claude-opus-5-5",
    "best": "claude-opus-5-5",
    "opusplan": "claude-opus-5-5",  # plans with Opus, works with Sonnet: the dearer of the two
    "sonnet": "claude-sonnet-5-5",
    "haiku": "claude-haiku-5-5",
    "fable": "claude-fable-5-2",
    "mythos": "claude-mythos-5-2",
    "claude-sonnet-4": "claude-sonnet-4-0",
    "claude-opus-4": "claude-opus-4-0",
}

_OPUS = ("claude-opus-5", "claude-opus-4-8")
FALLS_BACK_TO: Final = {
    **dict.fromkeys(("claude-fable-5-2", "claude-fable-5-1", "claude-fable-5", "claude-opus-5-5"), _OPUS),
    **dict.fromkeys(("claude-mythos-5-2", "claude-mythos-5-1"), _OPUS),
    "claude-opus-5": ("claude-opus-4-8",),
    "claude-sonnet-5-5": ("claude-sonnet-5",),
}
"""Where the CLI 2.1.329 goes by itself when a model refuses; which of them depends on the category of the refusal."""


def canonical(model: str) -> str:
    """The id without region, date, version and context size; of an alias, what it stands for."""
    name = model.strip().lower()
    while (shorter := _DECORATION.sub("", name)) != name:
        name = shorter
    name = _REGION.sub("", name, count=1)
    if name.startswith(("opus-", "sonnet-", "haiku-", "fable-", "mythos-")):
        name = f"claude-{name}"
    return ALIASES.get(name, name)


def full_name(name: str) -> str:
    """`opus-4-8` as the CLI knows it: `claude-opus-4-8`. Any other name as it is."""
    return f"claude-{name}" if name.startswith(("opus-", "sonnet-", "haiku-", "fable-", "mythos-")) else name


@dataclass(frozen=True, slots=True)
class AskedModels:
    """The models that may answer a session. `names` as they were written, the one that is asked first."""

    names: tuple[str, ...]
    families: tuple[str, ...] = ()
    """Any model of these will do: an alias means the newest one that a cloud has."""
    is_open: bool = False
    """A name that says no model, a deployment or a profile of a cloud, or none: any that answers was asked."""

    def is_answered_by(self, model: str) -> bool:
        """Whether this is one of them; `model` is what an answer carries."""
        told = canonical(model)
        is_of_family = told.startswith(tuple(f"claude-{family}-" for family in self.families))
        return self.is_open or told in map(canonical, self.names) or (bool(self.families) and is_of_family)

    def unasked(self, answered: Iterable[str]) -> tuple[str, ...]:
        """Those that were neither asked nor named."""
        return tuple(model for model in answered if not self.is_answered_by(model))


def asked_by(session: SessionSpec) -> AskedModels:
    """What a session asks for: its model, as aliases are set in its `env`, and the fallbacks that are named."""
    if session.model is None:
        return AskedModels(session.fallback, is_open=True)
    aliases = _SWITCHED.get(session.model, (session.model,))
    named = tuple(session.env.get(_DEFAULTS.get(alias, ""), alias) for alias in aliases)
    families = tuple(alias for alias in named if alias in ALIASES and uses_cloud(session.env))
    is_open = any(not canonical(name).startswith("claude-") for name in named)
    return AskedModels((*named, *session.fallback), families, is_open)
