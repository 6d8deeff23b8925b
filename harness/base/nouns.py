"""The plural of a noun that a user wrote: the rules of English, its common exceptions, and names made of nouns."""

import re
from typing import Final

_ALONE: Final = {
    **{"child": "children", "man": "men", "woman": "women", "foot": "feet", "tooth": "teeth"},
    **{"mouse": "mice", "goose": "geese", "ox": "oxen", "quiz": "quizzes", "axis": "axes", "datum": "data"},
    **{"criterion": "criteria", "phenomenon": "phenomena", "curriculum": "curricula", "matrix": "matrices"},
    **{"vertex": "vertices", "alumnus": "alumni", "hero": "heroes", "potato": "potatoes", "tomato": "tomatoes"},
    **{"echo": "echoes", "veto": "vetoes", "epoch": "epochs", "stomach": "stomachs", "monarch": "monarchs"},
    **{f"{stem}f": f"{stem}ves" for stem in ("lea", "hal", "shel", "wol", "thie", "sel", "cal", "loa", "scar")},
    **{f"{stem}fe": f"{stem}ves" for stem in ("kni", "li", "wi")},
}
_SAME: Final = frozenset({
    "aircraft", "data", "equipment", "evidence", "feedback", "fish", "information", "media", "metadata", "news",
    "people", "research", "series", "sheep", "software", "species",
})  # fmt: skip
_ENDINGS: Final = (
    (r"(?<=[a-z])sis$", "ses"),
    (r"(?<=[^aeiou\W])y$", "ies"),
    (r"(?<=qu)y$", "ies"),
    (r"person$", "people"),
    (r"man$", "men"),
    (r"(?<=s|x|z)$", "es"),
    (r"(?<=ch|sh)$", "es"),
)
_NOT_OF_MAN: Final = re.compile(r"(hu|ger|ro|nor|sha|talis)man$")
_LAST_WORD: Final = re.compile(r"\w+$")


def plural(noun: str) -> str:
    """`schools`, `companies`, `analyses`, `purchase orders`, `LEGOs`: of the last word, in the case that it has."""
    found = _LAST_WORD.search(noun)
    if found is None or (found[0].isupper() and len(found[0]) > 1):
        return f"{noun}s"
    return noun[: found.start()] + _of_word(found[0])


def _of_word(word: str) -> str:
    small = word.lower()
    if small in _SAME or len(word) == 1:
        return word if small in _SAME else f"{word}s"
    if small in _ALONE:
        many = _ALONE[small]
        return many.capitalize() if word[0].isupper() else many
    for ending, many in _ENDINGS:
        if re.search(ending, small) and not _NOT_OF_MAN.search(small):
            return re.sub(ending, many, word, flags=re.IGNORECASE)
    return f"{word}s"


def snake(words: str) -> str:
    """`purchase orders` as the end of a name such as `total_purchase_orders`."""
    return "_".join(words.split())


def camel(words: str) -> str:
    """`purchase orders` as `PurchaseOrders`."""
    return "".join(f"{word[:1].upper()}{word[1:]}" for word in words.split())
