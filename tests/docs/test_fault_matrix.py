"""Every fault of the matrix has a test that carries its id, or a reason on the page; no test carries an unknown one."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_GROUPS = {"S": 18, "P": 25, "O": 18, "T": 18, "C": 15, "H": 12, "I": 16, "W": 10}
_IDS = [f"{letter}{number:02}" for letter, count in _GROUPS.items() for number in range(1, count + 1)]


def _rows() -> list[tuple[str, str]]:
    """Id and reason of each row of the page; an empty reason means that a test carries the id."""
    page = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    return re.findall(r"^\| ([A-Z]\d\d) \| [^|]+ \| ([^|]*?) ?\|$", page, re.MULTILINE)


def _carried() -> set[str]:
    """Ids at the head of test names, of the groups of the matrix only (A and V are ids of other lists)."""
    ids: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        names = re.findall(r"^(?:async )?def test_((?:[A-Z]\d\d_)+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        ids.update(
            identifier for name in names for identifier in name.split("_") if identifier and identifier[0] in _GROUPS
        )
    return ids


def test_every_fault_has_exactly_one_row_in_order() -> None:
    assert [identifier for identifier, _ in _rows()] == _IDS


def test_no_test_carries_an_id_that_is_not_in_the_matrix() -> None:
    assert _carried() <= set(_IDS)


def test_a_fault_without_a_reason_has_a_test_and_a_fault_with_one_has_none() -> None:
    without_reason = {identifier for identifier, reason in _rows() if not reason}
    assert without_reason == _carried(), sorted(without_reason ^ _carried())
