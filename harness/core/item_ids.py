"""Which texts may be the id of an item, and which ids are too alike to be told apart."""

import unicodedata
from typing import Final

MOST_CHARACTERS: Final = 200

_FORBIDDEN = {
    "Cc": "a control character",
    "Cs": "half a surrogate pair",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def trouble_with(id_: str) -> str | None:
    """Why this text cannot be an id; None when it can."""
    if not id_.strip():
        return "the id is empty"
    if id_ != id_.strip():
        return f"the id {id_[:80]!r} has white space around it"
    if len(id_) > MOST_CHARACTERS:
        return f"the id {id_[:40]!r}... has {len(id_):,} characters, more than {MOST_CHARACTERS}"
    if id_.isascii() and id_.isprintable():
        return None
    for character in id_:
        what = _FORBIDDEN.get(unicodedata.category(character))
        if character in _DIRECTIONS:
            what = "a character that turns the direction of writing"
        if what is not None:
            return f"the id {id_[:80]!a} holds {what}"
    return None


def folded(id_: str) -> str:
    """Ids with the same folded form are the same: composed, then without case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", id_).casefold())
