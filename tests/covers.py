"""`@covers("F92", "A35")` on a test: the rows of the source documents that it holds (docs/documents.md)."""

from collections.abc import Callable
from typing import Any

import pytest


def covers(*ids: str) -> Callable[..., Any]:
    return pytest.mark.covers(*ids)
