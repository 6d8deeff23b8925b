"""The order of items, whatever that of their source is, and the hash of what one holds."""

import json
import random
from pathlib import Path

from harness.base.ids import ItemId
from harness.core.types import Item
from harness.evaluation.bounded import Bounded
from harness.sources.order import ordered
from harness.sources.read import hash_of
from tests.covers import covers
from tests.sources.conftest import ids, reading, refusals


def item(id_: str, **row: object) -> Item:
    return Item(ItemId(id_), row)


def names(items: list[Item]) -> str:
    return "".join(each.id for each in items)


@covers("A7")
def test_order_is_stable_and_missing_values_come_last() -> None:
    items = [item("a", p=2, q="x"), item("b"), item("c", p=1, q="y"), item("d", p=2, q="a"), item("e", p=None)]
    assert names(ordered(items, [".p"])) == "cadbe"
    assert names(ordered(items, ["-.p"])) == "adcbe"
    assert names(ordered(items, [".p", ".q"])) == "cdabe"
    assert names(ordered(items, [])) == "abcde"


def test_numbers_in_csv_are_ordered_as_numbers() -> None:
    items = [item("a", score="9"), item("b", score="10"), item("c", score=""), item("d", score="-1.5")]
    assert names(ordered(items, ["-.score"])) == "badc"


def test_numbers_come_before_text_and_big_ones_keep_their_order() -> None:
    items = [item("a", p="x"), item("b", p=2), item("c", p=True), item("d", p=[1])]
    assert names(ordered(items, [".p"]))[:2] == "cb"
    big = [item("a", p=2**60 + 1), item("b", p=2**60)]
    assert names(ordered(big, [".p"])) == "ba"


@covers("A7")
def test_an_order_that_no_item_has_is_refused_with_the_fields_there_are(bounded: Bounded) -> None:
    (refusal,) = refusals(bounded, '[{"id": "a", "rank": 1}]', "i.json", order=[".priority"])
    assert refusal == "job.yaml: order: no item has anything at .priority; they have .id, .rank"


def test_the_order_of_a_source_does_not_matter_once_ordered(bounded: Bounded) -> None:
    rows = [{"id": f"S{n:03}", "rank": n} for n in range(50)]
    shuffled = random.Random(7).sample(rows, len(rows))
    first, second = (ids(reading(bounded, json.dumps(each), "i.json", order=["-.rank"])) for each in (rows, shuffled))
    assert first == second == [f"S{n:03}" for n in reversed(range(50))]


def test_T12_the_hash_of_an_item_is_that_of_its_content(tmp_path: Path) -> None:
    assert hash_of(item("a", x=1, y=[1, 2])) == hash_of(item("a", y=[1, 2], x=1))
    assert (
        len({hash_of(item("a", x=1)), hash_of(item("b", x=1)), hash_of(item("a", x=2)), hash_of(item("a", x="1"))}) == 4
    )
    file = tmp_path / "a.pdf"
    file.write_bytes(b"one")
    of_file = Item(ItemId("a"), {}, file)
    before = hash_of(of_file)
    file.write_bytes(b"two")
    assert hash_of(of_file) != before
