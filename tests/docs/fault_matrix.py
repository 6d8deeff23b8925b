"""The fault matrix as the page tells it, and which of its ids the names of tests carry."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_GROUPS = {"S": 18, "P": 25, "O": 18, "T": 18, "C": 15, "H": 12, "I": 16, "W": 10}
IDS = [f"{letter}{number:02}" for letter, count in _GROUPS.items() for number in range(1, count + 1)]


def rows() -> list[tuple[str, str]]:
    """Id and reason of each row of the page; an empty reason means that a test carries the id."""
    page = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    return re.findall(r"^\| ([A-Z]\d\d) \| [^|]+ \| ([^|]*?) ?\|$", page, re.MULTILINE)


def carried() -> set[str]:
    """Ids at the head of test names, of the groups of the matrix only (A and V are ids of other lists)."""
    ids: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        names = re.findall(r"^(?:async )?def test_((?:[A-Z]\d\d_)+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        ids.update(
            identifier for name in names for identifier in name.split("_") if identifier and identifier[0] in _GROUPS
        )
    return ids
