"""What people read of how a round of an item ended without a record, and of why another one began."""

from collections.abc import Mapping
from typing import Final

from harness.core.item_rounds import ItemEnd, ReopenedKind

END_WORDS: Final[Mapping[ItemEnd, str]] = {
    "strikes": "failed, no strikes left",
    "refused": "failed at once, the model refused it",
    "too_long": "failed at once, its prompt is too long",
    "unasked_model": "failed at once, a model answered that was not requested",
    "no_input": "failed without a strike, its file is missing or unreadable",
}
REOPENED_WORDS: Final[Mapping[ReopenedKind, str]] = {
    "retry": "queued for a new round",
    "edited": "queued for a new round with its current row",
    "reject": "queued for a new round because its records were rejected",
    "redo": "queued for a new round to replace its records",
}


def end_words(kind: str) -> str:
    """Older versions recorded no kind."""
    return next((words for end, words in END_WORDS.items() if end == kind), f"failed ({kind})" if kind else "failed")


def reopened_words(kind: str) -> str:
    """A newer version may know other kinds."""
    return next((words for each, words in REOPENED_WORDS.items() if each == kind), f"queued for a new round ({kind})")
