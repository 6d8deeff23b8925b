"""What this program derives from a manifest, each with a version of its own that counts up when it changes.

A job's fingerprint holds none of it, so an upgrade changes no job; each run records the versions it derived with, and
the report says when they have changed between two runs.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DERIVED: Final[Mapping[str, int]] = MappingProxyType({"the schema of `fields`": 2, "the output contract": 2})
"""Runs of version 0.1.0 recorded none: all of theirs count as version 1."""


def changes(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Names of what was derived in another way."""
    return [name for name in dict.fromkeys([*before, *now]) if before.get(name, 1) != now.get(name, 1)]
