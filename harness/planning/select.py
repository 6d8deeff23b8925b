"""Which of many items are worked on: two passes, the best of each category, then the next best. Pure."""

import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from harness.base.ids import ItemId
from harness.base.paths import MISSING, path_to, read_path
from harness.base.ranking import sort_keys
from harness.base.texts import folded_text
from harness.core.types import Item, Json
from harness.job.job import CategorySpec, SelectSpec

Why = Literal["in_earlier_output", "not_among_top"]

_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, Chinese, Japanese: scripts that put no space between words."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An item that was left out, and why. `facts`, of in_earlier_output: `file` and `name`, what was found there; of
    not_among_top: `rank` (from 1), `of` (how many were ranked), `top`, `score` and `category`, null where there is
    none."""

    item: Item
    why: Why
    facts: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is worked on, in the order of the items; and what is not, in that order too."""

    chosen: tuple[Item, ...]
    left_out: tuple[LeftOut, ...] = ()
    categories: Mapping[ItemId, str | None] = field(default_factory=dict)
    """Of each that was chosen; empty when no category is asked for."""

    def ids(self) -> list[str]:
        """Of what was chosen."""
        return [str(item.id) for item in self.chosen]

    def counts(self) -> dict[str | None, int]:
        """How many were chosen of each category, the largest first; None = without one."""
        return dict(Counter(self.categories.values()).most_common())


class SelectionError(ValueError):
    """What was asked for cannot be selected."""


class TooFewCategoriesError(SelectionError):
    """The selected items are of fewer categories than `min_categories`."""


class NoCategoriesError(SelectionError):
    """No item has the field that tells its category."""


Earlier = Mapping[str, str]
"""Folded id or title in an earlier output -> the file, as it is named to people."""


def select(
    items: Sequence[Item], spec: SelectSpec, earlier: Earlier | None = None, taken: Sequence[Item] = ()
) -> Selection:
    """Select among `items`; `taken` were selected before: they take slots and categories.

    Ties go by the order of the items, and an item without a score comes last. SelectionError when no item has the
    score or the category that is asked for, TooFewCategoriesError when too few categories come together.
    """
    seen = {item.id: found for item in items if (found := _found(item, earlier or {}))}
    ranked = _ranked([item for item in items if item.id not in seen], spec)
    _must_have_a_category((*items, *taken), spec.category)
    category_of = {item.id: category(item.data, spec.category) for item in (*ranked, *taken) if spec.category}
    slots = len(ranked) if spec.top is None else max(0, spec.top - len(taken))
    chosen = _two_passes(ranked, slots, category_of, {category_of.get(item.id) for item in taken})
    categories = {item.id: category_of[item.id] for item in items if item.id in chosen and spec.category}
    if ranked or taken:
        _must_be_enough(spec, {*categories.values(), *(category_of.get(item.id) for item in taken)}, len(seen))
    rank = {item.id: at for at, item in enumerate(ranked, 1)}
    left_out = [_left_out(item, spec, seen, rank, category_of) for item in items if item.id not in chosen]
    return Selection(tuple(item for item in items if item.id in chosen), tuple(left_out), categories)


def category(data: Mapping[str, Json], spec: CategorySpec | None) -> str | None:
    """The first category of which a word is in the text; without words the text itself; else the default."""
    if spec is None:
        return None
    value = read_path(data, spec.path)
    text = "" if value is MISSING or value is None else str(value)
    if spec.words is None:
        return " ".join(text.split()) or spec.default
    folded = folded_text(text)
    for name, words in spec.words.items():
        if any(_is_in(folded_text(word), folded, by_substring=spec.by_substring) for word in words):
            return name
    return spec.default


def _is_in(word: str, text: str, *, by_substring: bool) -> bool:
    if by_substring:
        return word in text
    at = text.find(word)
    while at >= 0:
        if _is_edge(text, at) and _is_edge(text, at + len(word)):
            return True
        at = text.find(word, at + 1)
    return False


def _is_edge(text: str, at: int) -> bool:
    """Does a word begin or end before this character? Letters, digits and marks on both sides are one word."""
    if at in (0, len(text)):
        return True
    before, after = text[at - 1], text[at]
    if _UNSPACED.match(before) or _UNSPACED.match(after):
        return not unicodedata.category(after).startswith("M")
    return not (_is_of_a_word(before) and _is_of_a_word(after))


def _is_of_a_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM"


def _ranked(items: Sequence[Item], spec: SelectSpec) -> list[Item]:
    """The best first."""
    if spec.by is None or not items:
        return list(items)
    scores = [(item, _score(item, spec)) for item in items]
    there = [(item, score) for item, score in scores if score is not None]
    if not there:
        raise SelectionError(_nothing_at(spec.by, items[0]))
    keyed = zip(sort_keys([score for _, score in there]), there, strict=True)
    best_first = sorted(keyed, key=lambda pair: pair[0], reverse=not spec.is_lowest_best)
    return [item for _, (item, _) in best_first] + [item for item, score in scores if score is None]


def _score(item: Item, spec: SelectSpec) -> Json | None:
    value = MISSING if spec.by is None else read_path(item.data, spec.by)
    return None if value is MISSING or value == "" else value


def _must_have_a_category(items: Sequence[Item], spec: CategorySpec | None) -> None:
    if spec is not None and items and all(read_path(item.data, spec.path) is MISSING for item in items):
        raise NoCategoriesError(_nothing_at(spec.path, items[0]))


def _nothing_at(path: str, example: Item) -> str:
    names = ", ".join(path_to(name) for name in list(example.data)[:20]) or "no fields"
    return f"no item has anything at {path}; they have {names}"


def _two_passes(
    ranked: Sequence[Item], slots: int, category_of: Mapping[ItemId, str | None], taken: Container[str | None]
) -> set[ItemId]:
    chosen: set[ItemId] = set()
    seen: set[str] = set()
    for item in ranked:
        own = category_of.get(item.id)
        if len(chosen) < slots and own is not None and own not in seen and own not in taken:
            seen.add(own)
            chosen.add(item.id)
    for item in ranked:
        if len(chosen) < slots:
            chosen.add(item.id)
    return chosen


def _must_be_enough(spec: SelectSpec, found: set[str | None], taken_away: int) -> None:
    names = sorted(name for name in found if name is not None)
    if spec.min_categories is not None and len(names) < spec.min_categories:
        of = f": {', '.join(names)}" if names else ""
        away = f"; not_in has taken {taken_away:,} away" if taken_away else ""
        raise TooFewCategoriesError(
            f"what can be selected is of {len(names)} categories{of}; min_categories is {spec.min_categories}{away}"
        )


def _found(item: Item, earlier: Earlier) -> tuple[str, str] | None:
    """The file and the name by which it is there; a name is its id or its title."""
    for name in names_of(str(item.id), item.data):
        if (file := earlier.get(folded_text(name))) is not None:
            return file, name
    return None


def names_of(id_: str, data: Mapping[str, Json]) -> Iterator[str]:
    """By what an item is known again: its id, and its title."""
    yield id_
    if isinstance(title := data.get("title"), str) and title.strip():
        yield title


def _left_out(
    item: Item,
    spec: SelectSpec,
    seen: Mapping[ItemId, tuple[str, str]],
    rank: Mapping[ItemId, int],
    category_of: Mapping[ItemId, str | None],
) -> LeftOut:
    if item.id in seen:
        file, name = seen[item.id]
        return LeftOut(item, "in_earlier_output", {"file": file, "name": name})
    facts = {
        "rank": rank[item.id], "of": len(rank), "top": spec.top,
        "score": _score(item, spec), "category": category_of.get(item.id),
    }  # fmt: skip
    return LeftOut(item, "not_among_top", facts)
