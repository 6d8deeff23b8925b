"""Harness runs agent jobs overnight: items in, fresh sessions, judged and merged output, an honest report."""

__version__ = "0.1.0"
