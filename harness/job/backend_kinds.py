"""What each backend is, as facts, one record each: the only place that knows backends by their names.

How a session of each is made is in `backends/registry.py`. A new backend is a record here and a row there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from harness.job.tools import NOT_AT_TERMINAL

Backend = Literal["claude", "terminal", "command"]
"""`command` is a program of the user's; the others are ways of speaking to Claude Code."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class BackendKind:
    """Facts that hold for every session of one backend."""

    name: Backend
    speaks: Literal["stream-json", "transcript", "nothing"]
    """What tells of its answers while it works; of `nothing`, silence is no sign of a fault."""
    asks_model: bool
    """It is a session of Claude Code: with a model, instructions and tools."""
    costs_money: bool
    needs_credential: bool
    wants_config: bool
    """It has a configuration folder of its own."""
    caches_prefix: bool
    """Its standing instructions are cached by the provider, so that one session goes ahead of the others."""
    reserved_responses: int
    """Worst responses that are reserved above its cap, because it may overshoot by so many."""
    is_interactive: bool = False
    gets_items_file: bool = False
    """Its items and their context lie in its work folder as JSON."""
    refused_tools: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Tools that it cannot have -> why."""


_KINDS: Final = (
    BackendKind(
        "claude",
        speaks="stream-json",
        asks_model=True,
        costs_money=True,
        needs_credential=True,
        wants_config=True,
        caches_prefix=True,
        reserved_responses=1,
    ),
    BackendKind(
        "terminal",
        speaks="transcript",
        asks_model=True,
        costs_money=True,
        needs_credential=True,
        wants_config=True,
        caches_prefix=True,
        reserved_responses=2,  # a request is under way when the answer before it is heard of
        is_interactive=True,
        refused_tools=NOT_AT_TERMINAL,
    ),
    BackendKind(
        "command",
        speaks="nothing",
        asks_model=False,
        costs_money=False,
        needs_credential=False,
        wants_config=False,
        caches_prefix=False,
        reserved_responses=0,
        gets_items_file=True,
    ),
)

KINDS: Final[Mapping[Backend, BackendKind]] = MappingProxyType({kind.name: kind for kind in _KINDS})
