"""`pytest --print-keys`: every sentence of the catalogues is replaced by the name of its kind.

What still passes decides by kinds and fields; what fails reads a sentence somewhere.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest

from harness.job import plan_flaws
from harness.prompts import failure_words, retry_words
from harness.views import reason_words
from harness.views.change_text import CHANGE_WORDS, WAY_WORDS
from harness.views.fault_words import FAULT_WORDS
from harness.views.item_words import END_WORDS, REOPENED_WORDS
from harness.views.messages import WORDS
from harness.views.status_text import BOUND_WORDS

TABLES: Final[tuple[Any, ...]] = (
    WORDS,
    FAULT_WORDS,
    CHANGE_WORDS,
    WAY_WORDS,
    reason_words.WORDS,
    retry_words.WORDS,
    failure_words.WORDS,
    plan_flaws.WORDS,
)
"""Kind -> words; a function of the facts, or a template."""
TEXTS: Final[tuple[Any, ...]] = (BOUND_WORDS, END_WORDS, REOPENED_WORDS)
"""Kind -> text."""


def print_keys(patch: pytest.MonkeyPatch) -> None:
    """Until `patch` is undone."""
    for table in TABLES:
        for kind in list(table):
            patch.setitem(table, kind, _says(kind))
    for table in TEXTS:
        for kind in list(table):
            patch.setitem(table, kind, kind)


def _says(kind: str) -> Callable[[object], str]:
    return lambda _: kind
