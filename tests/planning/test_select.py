"""Selection: the best of each category first, then the next best; what is left out says why."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.ids import ItemId
from harness.core.types import Item
from harness.job.job import CategorySpec, SelectSpec
from harness.planning.select import SelectionError, TooFewCategoriesError, category, select

BY_NAME = CategorySpec(".kind", None, None, by_substring=False)


def spec(**more: Any) -> SelectSpec:
    fields = {"top": 3, "by": ".score", "is_lowest_best": False, "category": None, "min_categories": None}
    return SelectSpec(**{**fields, "not_in": None, "as_written": {}, **more})


def item(id_: str, score: Any = None, kind: str | None = None, **data: Any) -> Item:
    """With a kind at any rate, though it may be null: what no item has at all is a slip."""
    row = {"score": score, **data}
    return Item(ItemId(id_), {name: value for name, value in row.items() if value is not None} | {"kind": kind})


def words(by_substring: bool = False, default: str | None = None, **known: list[str]) -> CategorySpec:
    of = {name: tuple(each) for name, each in known.items()}
    return CategorySpec(".title", of, default, by_substring=by_substring)


def test_the_highest_scores_are_taken_and_stay_in_the_order_of_the_items() -> None:
    items = [item("a", 1), item("b", 5), item("c", 3), item("d", 4)]
    assert select(items, spec()).ids() == ["b", "c", "d"]
    assert select(items, spec(is_lowest_best=True, top=2)).ids() == ["a", "c"]
    assert select(items, spec(by=None, top=2)).ids() == ["a", "b"]


def test_ties_go_by_the_order_of_the_items_and_one_without_a_score_comes_last() -> None:
    items = [item("none"), item("a", 2), item("b", 2), item("c", 2), item("empty", "")]
    assert select(items, spec(top=2)).ids() == ["a", "b"]
    selection = select(items, spec(top=4, is_lowest_best=True))
    assert selection.ids() == ["none", "a", "b", "c"]
    assert [(each.item.id, each.facts["rank"], each.facts["score"]) for each in selection.left_out] == [
        ("empty", 5, None)
    ]


def test_scores_of_a_table_are_texts_and_compare_as_numbers() -> None:
    assert select([item("a", "9"), item("b", "10"), item("c", "2")], spec(top=2)).ids() == ["a", "b"]


def test_a_score_that_no_item_has_is_an_error_that_names_what_they_have() -> None:
    with pytest.raises(SelectionError, match=r"no item has anything at .scroe; they have .score"):
        select([item("a", 1)], spec(by=".scroe"))


def test_the_best_of_each_category_comes_before_any_second_one() -> None:
    items = [item("a1", 9, "a"), item("a2", 8, "a"), item("b1", 2, "b"), item("c1", 1, "c")]
    selection = select(items, spec(category=BY_NAME))
    assert selection.ids() == ["a1", "b1", "c1"]
    assert selection.counts() == {"a": 1, "b": 1, "c": 1}
    assert select(items, spec(category=BY_NAME, top=2)).ids() == ["a1", "b1"]
    assert select(items, spec(category=BY_NAME, top=9)).ids() == ["a1", "a2", "b1", "c1"]


def test_without_a_category_an_item_only_fills_what_is_left() -> None:
    items = [item("none", 9), item("b", 2, "b"), item("a", 1, "a")]
    assert select(items, spec(category=BY_NAME, top=2)).ids() == ["b", "a"]
    assert select(items, spec(category=BY_NAME)).counts() == {None: 1, "b": 1, "a": 1}


def test_too_few_categories_are_an_error_and_those_selected_before_count() -> None:
    items = [item("a1", 9, "a"), item("b1", 2, "b")]
    with pytest.raises(TooFewCategoriesError, match="of 2 categories: a, b; min_categories is 3"):
        select(items, spec(category=BY_NAME, min_categories=3))
    assert select(items, spec(category=BY_NAME, min_categories=3), taken=[item("c1", 1, "c")]).ids() == ["a1", "b1"]
    assert select([], spec(category=BY_NAME, min_categories=3)).ids() == []


def test_what_was_selected_before_takes_slots_and_categories() -> None:
    items = [item("a2", 9, "a"), item("b1", 2, "b")]
    assert select(items, spec(category=BY_NAME, top=2), taken=[item("a1", 1, "a")]).ids() == ["b1"]
    assert select(items, spec(top=1), taken=[item("a1", 1)]).ids() == []


def test_what_is_in_an_earlier_output_is_left_out_by_id_or_title_and_gives_its_place_to_the_next() -> None:
    items = [item("A", 9), item("b", 8, title="Freight  Rates"), item("c", 1), item("d", 0)]
    selection = select(items, spec(top=1), {"a": "out/w1.json", "freight rates": "out/w2.json"})
    assert selection.ids() == ["c"]
    told = [(each.item.id, each.why, dict(each.facts)) for each in selection.left_out]
    assert told == [
        ("A", "in_earlier_output", {"file": "out/w1.json", "name": "A"}),
        ("b", "in_earlier_output", {"file": "out/w2.json", "name": "Freight  Rates"}),
        ("d", "not_among_top", {"rank": 2, "of": 2, "top": 1, "score": 0, "category": None}),
    ]


@pytest.mark.parametrize(
    ("title", "word", "is_there"),
    [
        ("How to trade up", "ad", False),
        ("Groups happen", "app", False),
        ("Your ad, your rules", "ad", True),
        ("AD-supported", "ad", True),
        ("free_shipping tips", "shipping", True),
        ("Supply\nchain news", "supply chain", True),
        ("STRASSENVERKAUF", "Stra\u00dfe", False),
        ("Die STRASSE", "stra\u00dfe", True),
        ("\u0426\u0435\u043d\u0430 \u0434\u043d\u044f", "\u0446\u0435\u043d\u0430", True),
        ("\u041e\u0446\u0435\u043d\u0430", "\u0446\u0435\u043d\u0430", False),
        ("caf\u00e9 culture", "cafe\u0301", True),
        ("\u0915\u0940\u092e\u0924\u0947\u0902 \u092c\u0922\u093c\u0940\u0902", "\u0915\u0940\u092e\u0924", False),
        ("\u0915\u0940\u092e\u0924 \u092c\u0922\u093c\u0940", "\u0915\u0940\u092e\u0924", True),
        ("\u56fd\u9645\u7269\u6d41\u516c\u53f8", "\u7269\u6d41", True),
        ("\u06a9\u0631\u0627\u06cc\u0647 \u062d\u0645\u0644", "\u062d\u0645\u0644", True),
        ("2x faster", "x", False),
    ],
)  # fmt: skip
def test_words_match_at_word_boundaries_in_any_script_and_case(title: str, word: str, is_there: bool) -> None:
    found = category({"title": title}, words(found=[word]))
    assert (found == "found") is is_there


def test_the_first_category_with_a_word_wins_and_others_have_the_default() -> None:
    known = words(default="other", shipping=["freight", "ship"], ads=["ad", "freight"])
    assert category({"title": "Freight ad"}, known) == "shipping"
    assert category({"title": "Nothing"}, known) == category({}, known) == "other"
    assert category({"title": "Leadership"}, words(True, "other", shipping=["ship"])) == "shipping"
    assert category({"title": "Leadership"}, words(False, None, shipping=["ship"])) is None


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([None, "a", "b", "c"])), max_size=12),
    st.integers(1, 8),
)
def test_a_selection_is_as_diverse_and_as_good_as_it_can_be(rows: list[tuple[int, str | None]], top: int) -> None:
    items = [item(f"i{number}", score, kind) for number, (score, kind) in enumerate(rows)]
    selection = select(items, spec(top=top, category=BY_NAME)) if items else select(items, spec(top=top))
    chosen, left_out = list(selection.chosen), [each.item for each in selection.left_out]
    assert len(chosen) == min(top, len(items))
    assert sorted(each.id for each in [*chosen, *left_out]) == sorted(each.id for each in items)
    kinds = {kind for _, kind in rows if kind}
    assert len({_kind(each) for each in chosen} - {None}) == min(top, len(kinds))
    for kind in {_kind(each) for each in chosen}:  # within a category nobody better was left out
        worst = min((_score(each) for each in chosen if _kind(each) == kind), default=0)
        assert all(_score(each) <= worst for each in left_out if _kind(each) == kind)


def _kind(each: Item) -> str | None:
    data: Mapping[str, Any] = each.data
    return data.get("kind")


def _score(each: Item) -> int:
    return int(each.data["score"])
