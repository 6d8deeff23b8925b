"""What it costs that checks run in bubblewrap: the first Python check of a run, each later one, and a check program."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from bench.machine import describe
from bench.tables import spread, table
from harness.evaluation.bounded import Bounded
from harness.evaluation.check_program import run_command
from harness.evaluation.check_sandbox import NOTHING
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.check_bubblewrap import JobSandboxes
from harness.job.load import load

HEADS = ("checks", "first, ms", "later, ms", "program, ms")
_ITEMS = [{"id": f"{number:03}", "data": {"id": f"{number:03}"}} for number in range(100)]
_RECORDS = {str(item["id"]): [{"id": item["id"], "text": "word " * 20}] for item in _ITEMS}
_CHECK = """\
def check(items, records, context):
    return {id: ["no text"] for id, [record] in records.items() if not record["text"]}
"""
_MANIFEST = """\
items: {file: items.json}
session: {backend: command, command: [sh, worker.sh]}
output: {check: [{python: "checks.py:check"}]}
"""
_LATER = 10


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench.checks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 rounds")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        print(describe(folder), "\n", flush=True)
        for file, text in (("items.json", '["a"]'), ("worker.sh", ""), ("checks.py", _CHECK), ("job.yaml", _MANIFEST)):
            (folder / file).write_text(text)
        job = load(folder / "job.yaml")
        kinds: Mapping[str, JobSandboxes | None] = {
            "as the user": None,
            "in bubblewrap": JobSandboxes(Bubblewrap("bwrap", (job.folder, job.state)), job),
        }
        taken: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in kinds}
        for number in range((2 if options.quick else options.rounds) + 1):
            for kind in list(kinds)[:: 1 if number % 2 else -1]:
                figures = _round(folder, kinds[kind])
                if number:  # the first round finds cold caches
                    taken[kind].append(figures)
    rows = [[kind, *(spread(list(each)) for each in zip(*figures, strict=True))] for kind, figures in taken.items()]
    print(table("100 records judged: median (least-greatest)", HEADS, rows))


def _round(folder: Path, sandboxes: JobSandboxes | None) -> tuple[float, float, float]:
    with closing(Bounded(sandboxes=sandboxes)) as bounded:

        def python() -> object:
            return bounded.within(NOTHING).python(folder / "checks.py", "check", _ITEMS, _RECORDS, {}, 20)

        first = _ms(python)
        later = _ms(lambda: [python() for _ in range(_LATER)]) / _LATER
        program = _ms(lambda: run_command((sys.executable, "-c", "pass"), b"{}", 20, bounded, NOTHING))
    return first, later, program


def _ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1:])
