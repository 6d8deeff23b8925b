"""Messages are data: their kinds are a closed set, and each has exactly the facts that its example shows."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import harness
from harness.core.message_kinds import EXAMPLES, Kind
from harness.core.messages import Message, message, message_from, told


def _kinds(union: object) -> set[str]:
    """All words of a union of Literals, however deep."""
    return {word for part in get_args(union) for word in ({part} if isinstance(part, str) else _kinds(part))}


def _made() -> Iterator[tuple[str, str, set[str]]]:
    """Place, kind and names of facts of each `message("kind", fact=...)` in the source."""
    root = Path(harness.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "message":
                kind = node.args[0]
                if isinstance(kind, ast.Constant):
                    yield (
                        f"{path.relative_to(root)}:{node.lineno}",
                        str(kind.value),
                        {word.arg or "" for word in node.keywords},
                    )


def test_every_kind_has_an_example_and_no_other_has() -> None:
    assert EXAMPLES.keys() == _kinds(Kind)


def test_a_message_is_made_with_exactly_the_facts_of_its_example() -> None:
    wrong = [(place, kind) for place, kind, facts in _made() if facts != set(EXAMPLES[kind])]  # type: ignore[index]
    assert wrong == []


def test_a_message_survives_json_and_a_text_of_an_older_version_is_shown_as_it_is() -> None:
    assert message_from(message("nothing_left").as_json()) == message("nothing_left")
    assert message_from("stopped by anna") == told("stopped by anna") == Message("told", {"text": "stopped by anna"})
