"""Batches as they are named on the command line."""

import pytest

from harness.base.errors import UsageError
from harness.planning.batch_names import BatchRange, read_batches, refuse_unknown_batches


def test_a_batch_a_part_and_a_range_are_named_together() -> None:
    asked = read_batches(["2,4-6", " 7.1 "])
    assert asked == (BatchRange(2, 2), BatchRange(4, 6), BatchRange(7, 7, 1))
    assert [str(each) for each in asked] == ["2", "4-6", "7.1"]
    held = [(number, part) for number in range(1, 9) for part in (0, 1, 2) if any(b.holds(number, part) for b in asked)]
    assert held == [(number, part) for number in (2, 4, 5, 6) for part in (0, 1, 2)] + [(7, 1)]


@pytest.mark.parametrize("text", ["", "0", "2.0", "6-4", "x", "2-", "-2", "1.2-3", "2,,3", "1e3"])
def test_what_names_no_batch_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a batch such as 2"):
        read_batches([text])


def test_batches_that_were_not_planned_are_told_all_at_once() -> None:
    known = {(1, 0), (2, 0), (2, 1), (2, 2)}
    refuse_unknown_batches(read_batches(["1-2,2.2"]), known)
    with pytest.raises(UsageError) as refused:
        refuse_unknown_batches(read_batches(["2-5,1.1,2.3"]), known)
    told = [(problem.message, problem.hint) for problem in refused.value.problems]
    assert told == [
        ("there is no batch 3", "there are 1 to 2"),
        ("there is no batch 1.1", "it is not cut into parts (yet): --batch 1"),
        ("there is no batch 2.3", "its parts are 2.1, 2.2"),
    ]
