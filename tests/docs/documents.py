"""docs/documents.md: each row that the source documents ask for, with the tests that hold it.

`python -m tests.docs.documents` writes the page. The rows are asked.txt; the tests say themselves what they cover.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/documents.md"
_SHOWN = 3
_TITLES = {
    "000": "000: batch composer",
    "001": "001: schools with Ralph",
    "002": "002: selection and pre-flight",
    "003": "003: batch processor",
    "004": "004: a fresh session for each batch",
    "": "Where the documents are ambiguous",
}
_HEAD = """\
# The source documents, row by row

Made by `python -m tests.docs.documents` from tests/docs/asked.txt and from `@covers(...)` on the tests.
F rows are what a document asks for, A rows where documents are ambiguous and what a sensible user expects.
docs/document-blocks.md tells of their fenced blocks.
"""


@dataclass(frozen=True)
class Row:
    id: str
    document: str  # "000" to "004", or several
    what: str
    unbuilt: str  # why no test can hold it; empty for a row that needs one


def asked() -> list[Row]:
    lines = (ROOT / "tests/docs/asked.txt").read_text(encoding="utf-8").splitlines()
    parts = [line.split(" | ") for line in lines if not line.startswith("#")]
    return [Row(row[0], row[1], row[2], row[3] if len(row) > 3 else "") for row in parts]


def covering() -> dict[str, list[str]]:
    """Row id -> tests that carry it, as `tests/room/test_file.py::test_name`, in the order of their paths."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "@covers(" in source:
            for name, ids in _marked(source):
                for identifier in ids:
                    found[identifier].append(f"{path.relative_to(ROOT)}::{name}")
    return found


def _marked(source: str) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "covers":
                    yield node.name, [str(ast.literal_eval(each)) for each in mark.args]


def page() -> str:
    tests = covering()
    parts = [_HEAD]
    for document, title in _TITLES.items():
        rows = [row for row in asked() if (row.id[0] == "F") == bool(document) and row.document.startswith(document)]
        parts += [f"\n## {title}\n\n| id | what | held by |\n|---|---|---|\n"]
        parts += [f"| {row.id} | {_plain(row.what)} | {_held_by(row, tests[row.id])} |\n" for row in rows]
    return "".join(parts)


def _held_by(row: Row, tests: list[str]) -> str:
    shown = [f"[{test.partition('::')[2]}](../{test.partition('::')[0]})" for test in tests[:_SHOWN]]
    rest = [f"and {len(tests) - _SHOWN} more"] if len(tests) > _SHOWN else []
    return "<br>".join(shown + rest) or row.unbuilt or "**nothing yet**"


def _plain(text: str) -> str:
    """Nothing of it is markup, but for what stands between backticks."""
    parts = text.split("`")
    return "`".join(part if at % 2 else re.sub(r"([<*\[])", r"\\\1", part) for at, part in enumerate(parts))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
