"""`--max-iterations` of document 001 is the cap on sessions by another name: reached, it is said, with exit code 3."""

from tests.cli.conftest import Desk
from tests.covers import covers

ITEMS = {"a": "good", "b": "good", "c": "good"}


@covers("F78", "F82", "A22")
def test_the_cap_that_is_reached_is_said_and_a_higher_one_goes_on(desk: Desk) -> None:
    desk.job(ITEMS)
    said = desk.types("launch", "--max-iterations", "2")
    assert said.code == 3, said
    assert "the cap of 2 sessions is reached" in said.out + said.err
    assert desk.types("launch", "--set", "caps.sessions=9", "--max-iterations=2").code == 3
    assert desk.types("launch", "--max-iterations", "3").code == 0


def test_a_cap_of_nothing_is_refused(desk: Desk) -> None:
    desk.job(ITEMS)
    assert desk.types("launch", "--max-iterations", "0").code == 2
