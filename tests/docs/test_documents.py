"""Every row that the source documents ask for is held by a test, or the page says why not."""

from tests.docs.documents import PAGE, asked, covering, page

_IDS = [f"F{number}" for number in range(1, 212)] + [f"A{number}" for number in range(1, 91)]


def test_every_row_of_the_documents_is_there_once_and_in_order() -> None:
    assert [row.id for row in asked()] == _IDS


def test_no_test_covers_a_row_that_is_not_there() -> None:
    assert covering().keys() <= set(_IDS)


def test_a_row_has_a_test_or_a_reason_and_never_both() -> None:
    tests = covering()
    assert [row.id for row in asked() if bool(tests.get(row.id)) == bool(row.unbuilt)] == []


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.docs.documents"
