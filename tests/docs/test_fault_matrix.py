"""Every fault of the matrix has a test that carries its id, or a reason on the page; no test carries an unknown one."""

from tests.docs.fault_matrix import IDS, carried, rows


def test_every_fault_has_exactly_one_row_in_order() -> None:
    assert [identifier for identifier, _ in rows()] == IDS


def test_no_test_carries_an_id_that_is_not_in_the_matrix() -> None:
    assert carried() <= set(IDS)


def test_a_fault_without_a_reason_has_a_test_and_a_fault_with_one_has_none() -> None:
    without_reason = {identifier for identifier, reason in rows() if not reason}
    assert without_reason == carried(), sorted(without_reason ^ carried())
