"""docs/architecture.md says what is so: its table of rooms is the one that tests/architecture holds the imports to."""

import re
from pathlib import Path

from tests.architecture.test_architecture import MAY_IMPORT, PACKAGE

PAGE = (Path(__file__).resolve().parents[2] / "docs/architecture.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(\w+)`( \*)? \| .* \| (.*) \|$", re.MULTILINE)
_ROOMS = {row[1]: row for row in _ROW.finditer(PAGE.split("## Rooms")[1].split("\n## ")[0])}
_BELOW = {"base", "evaluation", "job", "core"}
_BESIDE = {name for name, row in _ROOMS.items() if row[2]}


def _imports(row: re.Match[str]) -> set[str]:
    words = row[3]
    named = set(re.findall(r"`(\w+)`", words))
    named |= _BELOW if "core and below" in words else set()
    named |= _BESIDE if "all *" in words else set()
    return set(_ROOMS) - {row[1]} if words == "everything" else named


def test_the_table_names_every_room_and_what_it_may_import() -> None:
    here = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} | {"api"}
    assert here <= set(_ROOMS) and here == set(MAY_IMPORT)
    wrong = {
        name: sorted(_imports(row) & here ^ MAY_IMPORT[name]) for name, row in _ROOMS.items() if name in MAY_IMPORT
    }
    assert not {name: difference for name, difference in wrong.items() if difference}


def test_every_module_that_the_page_names_is_there() -> None:
    """`core/settle.py`, `supervisor/run.py`: paths below the package, without `harness/`."""
    rooms = "|".join(_ROOMS)
    named = set(re.findall(rf"`((?:{rooms})/\w+\.py)`", PAGE))
    assert named and not [name for name in named if not (PACKAGE / name).exists()]
