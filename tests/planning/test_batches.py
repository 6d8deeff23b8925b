"""Batches: every item in exactly one, in order, numbered from 1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.ids import ItemId
from harness.core.types import BatchRef, Item
from harness.planning.batches import plan
from tests.covers import covers


def items(count: int) -> list[Item]:
    return [Item(ItemId(f"S{number:04}"), {}) for number in range(1, count + 1)]


@covers("F168", "F170", "F174", "F177")
def test_668_by_20_are_34_batches_and_the_last_one_is_short() -> None:
    batches = plan(items(668), 20)
    assert len(batches) == 34
    assert (batches[0].first, batches[0].last) == (1, 20)
    assert (batches[33].number, batches[33].first, batches[33].last, batches[33].size) == (34, 661, 668, 8)
    assert batches[33].items[0].id == "S0661"
    assert batches[33].ref == BatchRef(1, 34)
    assert batches[33].ref.label == "34"


@covers("F177")
@given(st.integers(0, 300), st.integers(1, 50))
def test_every_item_is_in_one_batch_in_order(count: int, size: int) -> None:
    given_items = items(count)
    batches = plan(given_items, size)
    assert [item for batch in batches for item in batch.items] == given_items
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    assert all(batch.size == size for batch in batches[:-1])
    for batch in batches:
        assert given_items[batch.first - 1 : batch.last] == list(batch.items)


def test_no_items_are_no_batches_and_no_size_is_an_error() -> None:
    assert plan([], 20) == ()
    with pytest.raises(ValueError, match="at least one item, got 0"):
        plan(items(3), 0)
