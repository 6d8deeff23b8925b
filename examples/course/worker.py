"""Does one session of the course without a model: the program of course-command.yaml.

    worker.py grammar.py phrases.py languages/ita_for_eng/lexicon.json

The files are named so that the harness lets this program read them. Reads items.json and the file that HARNESS_CONTEXT
names, writes HARNESS_OUTPUT; what it works on is told by HARNESS_PHASE.
"""

from __future__ import annotations

import json
import os
import sys

from grammar import Lexicon, Registry, decompose, translate

TYPE_CHECKING = False  # typing itself would take as long to import as all the rest
if TYPE_CHECKING:
    from typing import Any


def answer(lexicon: Lexicon, phase: str, items: list[dict[str, Any]], context: dict[str, list[Any]]) -> Any:
    """The right records for these items, in the shape of the phase's output. Depends on nothing but its arguments."""
    if phase == "translate":
        return [[item["id"], [translate(lexicon, item["data"]["known"]), item["data"]["known"]]] for item in items]
    if phase == "decompose":
        registry = Registry(context.get("decompose", []))
        pairs = [(item["id"], item["records"][0][1]) for item in items]
        return [decompose(lexicon, seed, target, known, registry) for seed, (target, known) in pairs]
    if phase == "baskets":
        from phrases import baskets  # the other phases start faster without it

        return baskets(lexicon, context["decompose"], {item["id"] for item in items})
    raise ValueError(f"expected the phase translate, decompose or baskets, got {phase!r}")


def read(path: str) -> Any:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  (pathlib would double the start-up)
        return json.load(file)


def main() -> None:
    context_file = os.environ.get("HARNESS_CONTEXT")
    records = answer(
        Lexicon.load(sys.argv[-1]),
        os.environ["HARNESS_PHASE"],
        read("items.json"),
        read(context_file) if context_file else {},
    )
    with open(os.environ["HARNESS_OUTPUT"], "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(records, file, ensure_ascii=False)


if __name__ == "__main__":
    main()
