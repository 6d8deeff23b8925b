"""What a selection left out, and why, in words; what it chose, in one line."""

from collections.abc import Mapping
from typing import Any

from harness.ledger.item_reasons import left_out
from harness.views.reason_words import text_of
from harness.views.wording import clean, listed


def why_left_out(facts: Mapping[str, Any]) -> str:
    """Of one item: `why` and the facts that belong to it, as the ledger has them."""
    return clean(text_of(left_out(facts)))


def kind_left_out(why: str) -> str:
    """Of many items, for a count: `12 in an earlier output`."""
    return {"in_earlier_output": "in an earlier output", "not_among_top": "not among the top"}.get(why, clean(why))


def selection_line(chosen: int, of: int, categories: Mapping[str, int]) -> str:
    """`8 of 60 selected, of 7 categories: ads_marketing 2, pricing 1, ...`; "" = without a category."""
    known = {name: number for name, number in categories.items() if name}
    parts = [f"{clean(name)} {number:,}" for name, number in known.items()]
    without = f"; {categories['']:,} without one" if categories.get("") else ""
    kinds = f", of {_categories(len(known))}: {listed(parts, 12)}{without}" if categories else ""
    return f"{chosen:,} of {of:,} selected{kinds}"


def _categories(number: int) -> str:
    return "1 category" if number == 1 else f"{number:,} categories"
