"""Acceptance 5: one bad item in a batch of twenty costs its neighbours a few sessions and nothing else."""

from math import ceil, log2

import pytest

from tests.checker.laws import failed_tries
from tests.covers import covers
from tests.end_to_end.conftest import MakeJob

SIZE = 20
MOST_FAILED_TRIES = ceil(log2(SIZE)) + 4


@covers("F75", "F196", "A75")
@pytest.mark.parametrize(
    ("wrong", "refused"),
    [(["i07"], []), ([], ["i07"]), ([], ["i03", "i17"]), ([], ["i11", "i12"])],
    ids=["always rejected", "refused in any company", "two refused, far apart", "two refused, neighbours"],
)
def test_C15_all_others_are_done_within_few_failed_tries(small: MakeJob, wrong: list[str], refused: list[str]) -> None:
    job = small("poisoned", SIZE, vars={"wrong": wrong, "refused": refused}, batch={"size": SIZE}, parallel=4)
    said = job.play()
    assert said.code == 1, said.all
    poisoned = {*wrong, *refused}
    states = {item: state for (_, item), state in job.record().states().items()}
    assert {item for item, state in states.items() if state == "failed"} == poisoned
    assert {item for item, state in states.items() if state == "done"} == set(states) - poisoned
    tries = failed_tries(job.record())
    assert max(tries.values()) <= MOST_FAILED_TRIES, tries
    reasons = [each["reason"] for each in job.status()["failed"]]
    assert len(reasons) == len(poisoned) and all(reasons)
    job.assert_laws_hold()
