"""The supervisor is killed, or a call fails, at sampled moments of a small real run; `make soak` takes all of them."""

import pytest

from tests.covers import covers
from tests.sweeps.injecting import Point, Where, after_a_kill, after_an_error
from tests.sweeps.nights import EDITED, REUSING, Night
from tests.sweeps.sweep import PLANTED, compounds, errors, finds, kills

pytestmark = [pytest.mark.linux, pytest.mark.root]

_KILLED: tuple[tuple[Where, str], ...] = (
    *(("main", call) for call in ("pwrite64", "fdatasync", "fsync", "rename", "mkdir", "vfork", "write")),
    ("state", "openat"),
    ("outputs", "rename"),
    ("outputs", "fsync"),
)
_FAILING = (
    ("openat", "EMFILE"),
    ("write", "ENOSPC"),
    ("pwrite64", "ENOSPC"),
    ("fdatasync", "EIO"),
    ("rename", "EROFS"),
    ("vfork", "EAGAIN"),
    ("clone3", "EAGAIN"),
)


@covers("F162", "A70")
@pytest.mark.parametrize(("where", "call"), _KILLED)
def test_T01_a_kill_at_any_call_loses_nothing_and_repeats_nothing(where: Where, call: str) -> None:
    for point in kills(where, call, every=200):
        assert not after_a_kill(point)


@pytest.mark.parametrize(("night", "point"), [(REUSING, Point("fdatasync", 6)), (EDITED, Point("rename", 2))])
def test_T01_so_does_one_in_a_night_that_takes_over_what_was_there(night: Night, point: Point) -> None:
    """Records of another job and batches out of a record, then a row that has changed; an instance; a workbook."""
    assert after_a_kill(point, night=night) == []


def test_T02_kills_inside_the_resume_lose_nothing_either() -> None:
    for point, then in compounds(400, ("pwrite64", "rename")):
        assert not after_a_kill(point, then=then)


@pytest.mark.parametrize(("call", "error"), _FAILING)
def test_H02_C09_a_call_that_fails_ends_the_run_in_words_or_is_survived(call: str, error: str) -> None:
    for point in errors(call, error, most=1):
        assert not after_an_error(point)


@pytest.mark.parametrize(("fault", "call", "every", "before"), PLANTED)
def test_the_sweep_finds_a_planted_fault(fault: str, call: str, every: int, before: int) -> None:
    assert finds(fault, call, every, before)


@pytest.mark.parametrize(("call", "when"), [("rename", 3), ("mkdir", 29)])
def test_H01_a_store_that_takes_nothing_any_more_leaves_no_attempt_open(call: str, when: int) -> None:
    """The large contents of several attempts, and from then on no room for any."""
    assert not after_an_error(Point(call, when, "error=ENOSPC", "state", for_ever=True))
