"""Which texts may be the id of an item, and which ids are too alike to be told apart."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Final

MOST_CHARACTERS: Final = 4_096
"""Addresses and paths are ids; screens shorten them."""
_MOST_SEARCHED = 50_000

_FORBIDDEN = {
    "Cc": "a control character",
    "Cs": "half a surrogate pair",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def problem_with(id_: str) -> str | None:
    """Why this text cannot be an id; None when it can."""
    if not id_.strip():
        return "the id is empty"
    if id_ != id_.strip():
        return f"the id {id_[:80]!r} starts or ends with white space"
    if len(id_) > MOST_CHARACTERS:
        return f"the id {id_[:40]!r}... has {len(id_):,} characters, more than {MOST_CHARACTERS:,}"
    if id_.isascii() and id_.isprintable():
        return None
    for character in id_:
        what = _FORBIDDEN.get(unicodedata.category(character))
        if character in _DIRECTIONS:
            what = "a character that turns the direction of writing"
        if what is not None:
            return f"the id {id_[:80]!a} holds {what}"
    return None


def folded(id_: str, *, exact: bool = False) -> str:
    """Ids with the same folded form are the same: composed, then without case; with `exact` only composed."""
    if exact:
        return unicodedata.normalize("NFC", id_)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", id_).casefold())


def near(id_: str, known: Iterable[str]) -> list[str]:
    """Known ids that look alike: the same but for case, holding it, or close by letters; at most three."""
    wanted = id_.casefold()
    by_fold = {name.casefold(): name for name in islice(known, _MOST_SEARCHED)}
    holding = [name for fold, name in by_fold.items() if wanted in fold]
    close = [by_fold[fold] for fold in get_close_matches(wanted, by_fold, n=3)]
    return list(dict.fromkeys([*sorted(holding, key=len)[:3], *close]))[:3]
