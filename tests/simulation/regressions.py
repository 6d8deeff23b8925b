"""Nights that once broke a promise, shrunk; each must hold for ever. The soak prints new ones."""

from tests.simulation.script import Script

REGRESSIONS: list[tuple[int, Script]] = []
"""(seed, script)."""
