"""What the grammar answers is what the judges accept, and a naive answer is not."""

from typing import Any

import pytest

PLANTED = {
    "S0025": "you know", "S0031": "I was", "S0045": "to know", "S0051": "it is", "S0065": "to play",
    "S0071": "the time", "S0085": "to leave", "S0091": "to take", "S0097": "to ask",
}  # fmt: skip
"""Seeds of batches 2 to 5 with a known phrase that batch 1 taught in another sense."""


def batch_of(seed_id: str) -> int:
    return (int(seed_id[1:]) - 1) // 20 + 1


def naive(course: Any, seed_id: str) -> Any:
    items = course.seed_items(batch_of(seed_id), translated=True)
    return course.worker.answer(course.lexicon, "decompose", [i for i in items if i["id"] == seed_id], {})[0]


def test_every_answer_of_a_batch_is_accepted(course: Any) -> None:
    refused: dict[tuple[str, int], object] = {}
    for number in range(1, 35):
        seeds = course.seed_items(number)
        pairs = {item["id"]: [course.pairs[int(item["id"][1:]) - 1]] for item in seeds}
        legos = course.lego_items(number)
        baskets = {item["id"]: [course.baskets[item["id"]]] for item in legos}
        refused |= {
            ("translate", number): course.checks.check_translation(seeds, pairs, {}),
            ("decompose", number): course.judge_decompositions(number, [course.seed(item["id"]) for item in seeds]),
            ("baskets", number): course.checks.check_baskets(legos, baskets, course.context("baskets", number)),
        }
    assert not {where: reasons for where, reasons in refused.items() if reasons != {}}


@pytest.mark.parametrize(("seed_id", "known"), PLANTED.items())
def test_a_naive_answer_breaks_the_registry_of_earlier_batches(course: Any, seed_id: str, known: str) -> None:
    reasons = course.judge_decompositions(batch_of(seed_id), [naive(course, seed_id)])
    assert any(f"fd_violation: '{known}' is " in reason for reason in reasons[seed_id])


@pytest.mark.parametrize("seed_id", PLANTED)
def test_without_the_earlier_batches_the_naive_answer_is_right(course: Any, seed_id: str) -> None:
    (item,) = (item for item in course.seed_items(batch_of(seed_id), translated=True) if item["id"] == seed_id)
    records = {seed_id: [naive(course, seed_id)]}
    assert course.checks.check_decomposition([item], records, {"translate": [], "decompose": []}) == {}


@pytest.mark.parametrize("seed_id", PLANTED)
def test_the_right_answer_joins_the_phrase_with_its_neighbour(course: Any, seed_id: str) -> None:
    right, unaware = course.seed(seed_id)[2], naive(course, seed_id)[2]
    assert len(right) == len(unaware) - 1
    (joined,) = (row for row in right if row[2] not in [other[2] for other in unaware])
    assert joined[1] == "C" and len(joined[4]) >= 2


@pytest.mark.parametrize("number", [1, 3, 5, 20, 34])
def test_an_item_gets_the_same_record_alone_as_with_its_batch(course: Any, number: int) -> None:
    answer = course.worker.answer
    for item in course.seed_items(number, translated=True):
        alone = answer(course.lexicon, "decompose", [item], course.context("decompose", number))
        assert alone == [course.seed(item["id"])]
    for item in course.lego_items(number)[::9]:
        alone = answer(course.lexicon, "baskets", [item], course.context("baskets", number))
        assert alone == {item["id"]: course.baskets[item["id"]]}


def test_a_feeder_has_its_own_row_and_is_named_by_its_composite(course: Any) -> None:
    composites = [row for record in course.decompositions for row in record[2] if row[2].startswith("il più")]
    assert composites
    for row in composites:
        assert [part[2] for part in row[4] if part[2]] == [f"{row[0][:6]}{int(row[0][6:]) - 1:02}"]


def test_the_first_lego_of_the_course_alone_has_an_empty_basket(course: Any) -> None:
    assert [name for name, basket in course.baskets.items() if not basket["e"]] == ["S0001L01"]
