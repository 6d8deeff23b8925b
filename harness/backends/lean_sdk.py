"""Loads the SDK without MCP, which takes most of the time that its import takes: no session of ours has a server of
tools in this process. See decision 0029.

Only a process that is ours alone may do so; whoever uses the library may need MCP for something else.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

_MCP = "mcp"
_SDK = "claude_agent_sdk"


class _Empty:
    """What every name of MCP is: enough for annotations, base classes and `hasattr`."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Takes the options of a data model."""


class _StandIn(ModuleType):
    """A module in which every name is an empty class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (_Empty,), {})
        setattr(self, name, made)
        return made


class _StandIns:
    """Finds, and loads, a stand-in for `mcp` and every module in it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        is_mcp = fullname.partition(".")[0] == _MCP
        return ModuleSpec(fullname, cast("Any", self), is_package=True) if is_mcp else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing in it."""


def without_mcp() -> None:
    """From now on this process, which is ours alone, finds stand-ins where MCP is."""
    if _MCP not in sys.modules:
        sys.meta_path.insert(0, _StandIns())


def load_sdk() -> None:
    """Import the SDK; with all of MCP, where a later version asks more of it than a stand-in gives."""
    try:
        __import__(_SDK)
    except Exception:  # whatever a stand-in cannot give; what else is wrong is raised again by the whole import
        stand_ins = [finder for finder in sys.meta_path if isinstance(finder, _StandIns)]
        if not stand_ins:
            raise
        for finder in stand_ins:
            sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] in (_MCP, _SDK)]:
            del sys.modules[name]
        __import__(_SDK)
