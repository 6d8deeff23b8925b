"""The known word that somebody may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'model'?`, or nothing."""
    near = nearest_of(word, known)
    return f", did you mean {near!r}?" if near else ""


def nearest_of(word: str, known: Iterable[str]) -> str | None:
    """The known word that is spelled nearly so."""
    choices = {choice.casefold(): choice for choice in known}
    near = get_close_matches(word.casefold(), choices, n=1, cutoff=0.6)
    return choices[near[0]] if near else None
