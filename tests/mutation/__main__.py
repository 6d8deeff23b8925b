"""Plants small faults one by one and sees whether the tests notice: `python -m tests.mutation [--each N] [ROOM ...]`.

A sample of N mutations a room, drawn by `--seed`, is planted in a copy of the tree (Cosmic Ray's operators, and two of
ours). Each time the tests of the room and its neighbors run until one fails. Survivors are listed with their diff, to
be read one by one. `make mutation` installs Cosmic Ray first.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from queue import SimpleQueue
from shutil import copy2
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from tests.mutation.operators import DropStatement, EmptyText, is_in_a_body

ROOT = Path(__file__).resolve().parents[2]
TESTS: dict[str, tuple[str, ...]] = {
    "core": ("core", "ledger", "simulation"),
    "ledger": ("ledger", "simulation", "views"),
    "outputs": ("outputs", "evaluation", "simulation"),
    "supervisor": ("supervisor", "simulation", "cli", "sweeps"),
    "executors": ("executors", "backends"),
    "workspaces": ("workspaces", "executors"),
    "backends": ("backends", "executors"),
    "evaluation": ("evaluation", "base", "outputs"),
    "planning": ("planning", "cli", "job"),
    "prompts": ("prompts", "outputs"),
    "sources": ("sources", "planning"),
    "job": ("job", "cli"),
    "views": ("views", "cli"),
    "base": ("base", "ledger", "executors"),
    "samples": ("samples", "mock_api"),
    "review": ("review", "simulation", "cli"),
    "rehearsal": ("mock_api",),
}
"""Room -> the folders of tests that must notice a fault in it, the nearest first."""
_TIMES_OUT_S = 900
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

    def code(self) -> str:
        return str(mutate_code((ROOT / self.module).read_text(encoding="utf-8"), self.operator, self.occurrence))

    def diff(self) -> str:
        before = (ROOT / self.module).read_text(encoding="utf-8").splitlines()
        return "\n".join(unified_diff(before, self.code().splitlines(), str(self.module), "mutant", n=1, lineterm=""))


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", help=f"of {', '.join(TESTS)}; default: all")
    parser.add_argument("--each", type=int, default=10, help="mutations a room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args(words)
    survivors: list[Mutant] = []
    with tempfile.TemporaryDirectory(prefix="mutation-") as scratch:
        trees: SimpleQueue[Path] = SimpleQueue()
        for worker in range(asked.workers):
            trees.put(_copy(Path(scratch, str(worker))))
        for room in asked.rooms or TESTS:
            mutants = _sample(room, asked.each, random.Random(f"{asked.seed} {room}"))
            with ThreadPoolExecutor(asked.workers) as pool:
                alive = list(pool.map(lambda mutant, room=room: _survives(mutant, room, trees), mutants))
            left = [mutant for mutant, is_alive in zip(mutants, alive, strict=True) if is_alive]
            survivors += left
            print(f"{room}: {len(mutants) - len(left)} of {len(mutants)} mutants caught", flush=True)
    for mutant in survivors:
        print(f"\nsurvived: {mutant.diff()}")
    return 1 if survivors else 0


def _copy(tree: Path) -> Path:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        copy2(ROOT / name, tree / name, follow_symlinks=False)
    return tree


def _sample(room: str, number: int, draw: random.Random) -> list[Mutant]:
    """Places first, then one mutation of each: an operator with many forms is drawn no more often than others."""
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
                yield Mutant(module.relative_to(ROOT), operator, at, start)


def _survives(mutant: Mutant, room: str, trees: "SimpleQueue[Path]") -> bool:
    tree, began = trees.get(), time.monotonic()
    original = (ROOT / mutant.module).read_text(encoding="utf-8")
    try:
        (tree / mutant.module).write_text(mutant.code(), encoding="utf-8")
        is_alive = _passes(tree, mutant.module.stem, [tree / "tests" / each for each in TESTS[room]])
    finally:
        (tree / mutant.module).write_text(original, encoding="utf-8")
        trees.put(tree)
    word = "SURVIVED" if is_alive else "caught"
    print(f"  {word} in {time.monotonic() - began:.0f} s: {mutant.module} {type(mutant.operator).__name__}", flush=True)
    return is_alive


def _passes(tree: Path, module: str, folders: Sequence[Path]) -> bool:
    """Whether all tests pass; those whose file names or uses the module run first, to be told soon."""
    files = [file for folder in folders if folder.exists() for file in sorted(folder.rglob("test_*.py"))]
    files.sort(key=lambda file: (module not in file.stem, module not in file.read_text(encoding="utf-8")))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-m",
        "not session",
        *map(str, files),
    ]
    try:
        ended = subprocess.run(
            command, cwd=tree, capture_output=True, timeout=_TIMES_OUT_S, check=False, env=_environment(tree)
        )
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode == 0


def _environment(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
