"""No program reads prose: nothing here is decided by a sentence of ours, or by how it begins."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).parents[2] / "harness"
_PROSE = re.compile(r"[A-Za-z']{2,} [A-Za-z]{2,}|[a-z]{2,}: ?$|^[a-z]{2,} $")
"""Two words, or a head of a sentence: `missing: `."""
_ASK = {"startswith", "endswith", "removeprefix", "removesuffix", "replace", "partition", "rpartition", "split", "find"}
_OF_OTHERS = {
    ("base/host_errors.py", "can't start new thread"): "CPython's, which raises a bare RuntimeError",
    ("base/strict_json.py", "Extra data"): "of json",
    ("base/strict_json.py", "Unterminated string"): "of json",
    ("core/faults.py", "API Error: "): "of the CLI's synthetic result",
    ("executors/memory.py", "/memfd:"): "of the kernel",
    ("job/fingerprint.py", "file "): "a key of a fingerprint",
    ("job/pydantic_errors.py", "Input should be "): "of pydantic",
    ("job/pydantic_errors.py", "Value error, "): "of pydantic",
    ("job/yaml_text.py", "mapping values are not allowed"): "of PyYAML",
    ("ledger/contents.py", "no such table"): "of SQLite",
    ("prompts/render.py", "'dict object' has no attribute"): "of Jinja",
    ("prompts/render.py", "'item' is undefined"): "of Jinja",
    ("sources/table.py", "field larger than field limit"): "of csv",
    ("sources/table.py", "unexpected end of data"): "of csv",
}


def _asked(tree: ast.Module) -> Iterator[str]:
    """Texts that something is compared with, searched for or cut by."""
    named = {
        target.id: each.value
        for each in tree.body
        if isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None
        for target in (each.targets if isinstance(each, ast.Assign) else [each.target])
        if isinstance(target, ast.Name) and isinstance(each.value, ast.Constant | ast.Tuple | ast.List | ast.Set)
    }
    for node in ast.walk(tree):
        asked: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ASK:
            asked = node.args[:1]
        elif isinstance(node, ast.Compare):
            asked = [each for each in (node.left, *node.comparators) if not isinstance(each, ast.Call)]
        for each in asked:
            value = named.get(each.id, each) if isinstance(each, ast.Name) else each
            parts = (part for part in ast.walk(value) if isinstance(part, ast.Constant))
            yield from (part.value for part in parts if isinstance(part.value, str))


def _found(source: str) -> set[str]:
    return {text for text in _asked(ast.parse(source)) if _PROSE.search(text)}


def test_nothing_is_decided_by_a_sentence_of_ours() -> None:
    found = {
        (str(path.relative_to(_PACKAGE)), text) for path in _PACKAGE.rglob("*.py") for text in _found(path.read_text())
    }
    assert found - set(_OF_OTHERS) == set(), "record a kind and its fields, and ask those"
    assert set(_OF_OTHERS) <= found, "a line that is not needed any more"


def test_a_planted_sentence_is_seen() -> None:
    assert _found('if reason.startswith("the budget"): pass') == {"the budget"}
    assert _found('HEAD = "missing: "\nnot reason.startswith(HEAD)') == {"missing: "}
    assert _found('done = "there is no" in reason') == {"there is no"}
    assert _found('kind == "budget" or state == "not_done"') == set()
