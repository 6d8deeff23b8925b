"""Plants small faults one by one and sees whether the tests notice: `python -m tests.mutation [--each N] [ROOM ...]`.

A sample of N mutations a room, drawn by `--seed`, is planted in a copy of the tree (Cosmic Ray's operators, and two of
ours). Each time the tests that run the place go on until one fails: those of its room first, then the fastest, as many
as take `--seconds`. Which tests those are is measured, by one run of them all, without real sessions. A survivor is
tried once more in a process of its own. Those that survive again are listed with their diff, to be read one by one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant, rooms, sample
from tests.mutation.planting import ORDERS
from tests.mutation.reach import Reach, files
from tests.mutation.traced import TRACES
from tests.mutation.tree import copied_tree

_NOTICED = ("caught", "timed out")


def main(words: Sequence[str]) -> int:
    asked = _parser().parse_args(words)
    with tempfile.TemporaryDirectory(prefix="mutation-") as scratch:
        work = asked.work or Path(scratch)
        tree = copied_tree(work / "tree")
        traces = work / "traces"
        if not traces.exists():
            traces.mkdir()
            _pytest(
                tree,
                ["-n", "2", "-p", "tests.mutation.traced", *asked.tests],
                {TRACES: str(traces)},
                work / "traces.log",
            )
        reach, survivors = Reach.of(traces, tree), []
        for room in asked.rooms or rooms():
            mutants = sample(room, asked.each, asked.seed)
            left = _survivors(mutants, reach, work / f"{room}-{asked.seed}.orders", asked)
            print(f"{room}: {len(mutants) - len(left)} of {len(mutants)} mutants caught", flush=True)
            survivors += left
    for mutant in survivors:
        print(f"\n{mutant.name}\n{mutant.diff()}")
    return 1 if survivors else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", help=f"of {', '.join(rooms())}; default: all")
    parser.add_argument("--each", type=int, default=40, help="mutations a room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60, help="of tests for one mutation")
    parser.add_argument("--once", action="store_true", help="do not try survivors again")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="files and folders of tests")
    parser.add_argument("--work", type=Path, help="a folder that keeps the copy, what was measured and each result")
    return parser


def _survivors(mutants: Sequence[Mutant], reach: Reach, orders: Path, asked: argparse.Namespace) -> list[Mutant]:
    every = [_order(mutant, reach, asked.seconds) for mutant in mutants]
    ends = _planted(every, reach.tree, orders)
    left = [order for order in every if ends[order["name"]] not in _NOTICED]
    for order in () if asked.once else left:  # once more, imported with the fault
        ends.update(_planted_in_a_process_of_its_own(order, reach.tree, orders))
    return [mutant for mutant in mutants if ends[mutant.name] not in _NOTICED]


def _order(mutant: Mutant, reach: Reach, within_s: float) -> dict[str, Any]:
    tests = reach.tests(mutant.module, mutant.lines, within_s)
    seconds = sum(reach.seconds[test] for test in tests)
    return {
        "name": mutant.name,
        "module": str(mutant.module),
        "code": mutant.code(),
        "tests": tests,
        "seconds": seconds,
    }


def _planted_in_a_process_of_its_own(order: dict[str, Any], tree: Path, orders: Path) -> dict[str, str]:
    file = tree / order["module"]
    before = file.read_text(encoding="utf-8")
    try:
        file.write_text(order["code"], encoding="utf-8")
        return {order["name"]: "caught", **_planted([{**order, "code": None}], tree, orders)}  # no end: no import
    finally:
        file.write_text(before, encoding="utf-8")


def _planted(every: Sequence[dict[str, Any]], tree: Path, orders: Path) -> dict[str, str]:
    """Name of the fault -> how its tests ended."""
    orders.write_text("".join(f"{json.dumps(order)}\n" for order in every), encoding="utf-8")
    ended = orders.with_suffix(".ended")
    ended.touch()
    begins = ended.stat().st_size
    tests = files(test for order in every for test in order["tests"])
    if tests:
        _pytest(tree, ["-p", "tests.mutation.planting", *tests], {ORDERS: str(orders)}, orders.with_suffix(".log"))
    rows = map(json.loads, ended.read_text(encoding="utf-8")[begins:].splitlines())
    unreached = {order["name"]: "not reached" for order in every if not order["tests"]}
    return {row["name"]: row["ended"] for row in rows} | unreached


def _pytest(tree: Path, words: Iterable[str], environment: dict[str, str], log: Path) -> None:
    command = [
        str(tree / ".venv/bin/python"),
        "-m",
        "pytest",
        "-q",
        "-m",
        "not session",
        "-p",
        "no:cacheprovider",
        *words,
    ]
    ours = {**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("ab") as out:
        subprocess.run(command, cwd=tree, env=ours, check=False, stdout=out, stderr=out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
