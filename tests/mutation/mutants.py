"""The small faults that could be planted in a room, and a seeded sample of them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from tests.mutation.operators import DropStatement, EmptyText, is_in_a_body, statement_of
from tests.mutation.tree import ROOT

_LEFT_OUT = ("BitOr", "NumberReplacer", "RemoveDecorator", "Variable", "Is_", "_Is", "Mul_", "Pow", "Shift", "BitXor")
"""Operators whose mutants are mostly a broken annotation, a constant that nothing depends on, or no program at all."""


@dataclass(frozen=True)
class Mutant:
    """One fault: `occurrence` counts the places of the operator in the module, from 0."""

    module: Path
    operator: Any
    occurrence: int
    place: tuple[int, int]
    """Line, from 1, and column of what is changed."""
    lines: tuple[int, int]
    """The first and the last line of the statement around it."""

    @property
    def name(self) -> str:
        return f"{self.module}:{self.place[0]}:{self.place[1]} {type(self.operator).__name__}"

    def code(self) -> str:
        return str(mutate_code((ROOT / self.module).read_text(encoding="utf-8"), self.operator, self.occurrence))

    def diff(self) -> str:
        before = (ROOT / self.module).read_text(encoding="utf-8").splitlines()
        return "\n".join(unified_diff(before, self.code().splitlines(), str(self.module), "mutant", n=1, lineterm=""))


def rooms() -> list[str]:
    """The packages under harness/ that have functions."""
    return sorted(folder.name for folder in (ROOT / "harness").iterdir() if (folder / "__init__.py").exists())


def sample(room: str, number: int, seed: int) -> list[Mutant]:
    """Places first, then one mutation of each: an operator with many forms is drawn no more often than others."""
    draw = random.Random(f"{seed} {room}")
    by_place: dict[tuple[Path, tuple[int, int]], list[Mutant]] = {}
    for module in sorted((ROOT / "harness" / room).glob("*.py")):
        for mutant in _mutants(module):
            by_place.setdefault((mutant.module, mutant.place), []).append(mutant)
    return [draw.choice(each) for each in draw.sample(list(by_place.values()), min(number, len(by_place)))]


def _mutants(module: Path) -> Iterator[Mutant]:
    tree = get_ast(module.read_text(encoding="utf-8"))
    named = [name for name in operator_names() if not any(word in name for word in _LEFT_OUT)]
    for operator in [*(get_operator(name)() for name in named), DropStatement(), EmptyText()]:
        nodes = [(node, place) for node in ast_nodes(tree) for place in operator.mutation_positions(node)]
        for at, (node, (start, _)) in enumerate(nodes):
            if is_in_a_body(node):
                yield Mutant(module.relative_to(ROOT), operator, at, start, statement_of(node))
