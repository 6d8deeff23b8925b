"""100,000 items with a session that costs nothing: what the ledger, the store, the judge and the merge take.

The executor is replaced (bench.null_run), everything else is the harness. Each figure comes from a process of its own.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.children import harness, must, run
from bench.machine import describe
from bench.null_run import Told
from bench.tables import median, spread, table, verdict

ITEMS = 100_000
SIZES = (1, 20)
MERGED_BATCHES, MERGED_SIZE = 10_000, 20
GOAL_RATE, GOAL_MB, GOAL_STATUS_S, GOAL_RESUME_S, GOAL_MERGE_S = 300.0, 250.0, 0.4, 3.0, 20.0
GOAL_GROWTH = 1.25
"""Last tenth against first; the disk's own moods are within it."""

MANIFEST = """job: scale
items: {{file: items.jsonl}}
batch: {{size: {size}}}
session: {{backend: command, command: ["true"], prompt: "{{% for item in items %}}{{{{ item.id }}}} {{% endfor %}}"}}
output: {{merge: merged.json}}
sandbox: "off"
"""
HEADS = (
    "batch size",
    "items",
    "whole s",
    "items/s",
    "ms/session, first 10 %",
    "last 10 %",
    "ledger bytes/item",
    "peak MB",
    "status s",
    "resume s at 0 %",
    "at 50 %",
    "at 100 %",
)


@dataclass(frozen=True, slots=True)
class Scaled:
    """One job. Resumes: seconds to the first session; of the finished job, to the end."""

    items: int
    whole: Told
    ledger_bytes: int
    status_s: float
    resume_s: tuple[float, float, float]

    def rate(self) -> float:
        """Items per second, from the process's start to its end: reading, planning, the last merge and all."""
        return self.items / self.whole.whole_s


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 items, merges of 20 batches")
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--without-merge", action="store_true")
    options = parser.parse_args(arguments)
    measured: dict[int, list[Scaled]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        print(describe(root), "\n", flush=True)
        for _ in range(options.repeats):
            for size in map(int, options.sizes.split(",")):
                scaled = _scaled(root, 200 if options.quick else options.items, size)
                measured.setdefault(size, []).append(scaled)
        print(table("A job whose sessions cost nothing", HEADS, [_row(*each) for each in measured.items()]))
        for line in _verdicts([each for several in measured.values() for each in several]):
            print(line)
        if not options.without_merge:
            print(_merges(root, 20 if options.quick else MERGED_BATCHES))


def _scaled(root: Path, items: int, size: int) -> Scaled:
    """One job that runs undisturbed, and one that is killed at its first session, half-way, and there again."""
    sessions = -(-items // size)
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = _write_job(Path(name), items, size)
        whole = _life(folder)
        status_s = median([must(harness(folder, "status")).wall_s for _ in range(5)])
        again = _life(folder)
        if (whole.sessions, again.sessions) != (sessions, 0):
            raise SystemExit(f"{sessions} sessions were needed; there were {whole.sessions}, and then {again.sessions}")
        ledger_bytes = (folder / ".harness/job/ledger.db").stat().st_size
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = _write_job(Path(name), items, size)
        _life(folder, stop_after=1)
        at_0 = _life(folder, stop_after=sessions // 2)
        at_50 = _life(folder, stop_after=1)
    resumes = (at_0.to_first_s or 0.0, at_50.to_first_s or 0.0, again.whole_s)
    return Scaled(items, whole, ledger_bytes, status_s, resumes)


def _write_job(folder: Path, items: int, size: int) -> Path:
    rows = (json.dumps({"id": f"I{n:06d}", "text": f"a few words that item {n} is about"}) for n in range(1, items + 1))
    (folder / "items.jsonl").write_text("".join(f"{row}\n" for row in rows))
    (folder / "job.yaml").write_text(MANIFEST.format(size=size))
    return folder


def _life(folder: Path, stop_after: int | None = None) -> Told:
    words = [] if stop_after is None else [str(stop_after)]
    ran = run([sys.executable, "-m", "bench.null_run", str(folder), *words], folder)
    must(ran, code=0 if stop_after is None else -9)
    return Told(**json.loads(ran.said.splitlines()[-1]))


def _row(size: int, measured: Sequence[Scaled]) -> list[str]:
    return [
        str(size),
        f"{measured[0].items:,}",
        spread([each.whole.whole_s for each in measured]),
        spread([each.rate() for each in measured], 0),
        spread([each.whole.first_ms for each in measured], 2),
        spread([each.whole.last_ms for each in measured], 2),
        spread([each.ledger_bytes / each.items for each in measured], 0),
        spread([each.whole.peak_mb for each in measured], 0),
        spread([each.status_s for each in measured], 2),
        *(spread([each.resume_s[place] for each in measured], 2) for place in range(3)),
    ]


def _verdicts(measured: Sequence[Scaled]) -> Iterator[str]:
    """The worst of all rows against each goal."""
    rate = min(each.rate() for each in measured)
    peak_mb = max(each.whole.peak_mb for each in measured)
    status_s = max(each.status_s for each in measured)
    resume_s = max(seconds for each in measured for seconds in each.resume_s)
    growth = max(each.whole.last_ms / each.whole.first_ms for each in measured)
    yield verdict(f"{rate:.0f} >= {GOAL_RATE:g} items/s", -rate, -GOAL_RATE)
    yield verdict(f"{peak_mb:.0f} <= {GOAL_MB:g} MB", peak_mb, GOAL_MB)
    yield verdict(f"status {status_s:.2f} <= {GOAL_STATUS_S:g} s", status_s, GOAL_STATUS_S)
    yield verdict(f"resume {resume_s:.2f} <= {GOAL_RESUME_S:g} s", resume_s, GOAL_RESUME_S)
    yield verdict(f"last tenth {growth:.2f} <= {GOAL_GROWTH:g} x first tenth", growth, GOAL_GROWTH)


def _merges(root: Path, batches: int) -> str:
    """A job of that many batches: what all its merges took together, the last one and those on the way."""
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = _write_job(Path(name), batches * MERGED_SIZE, MERGED_SIZE)
        whole = _life(folder)
        merged_bytes = (folder / "merged.json").stat().st_size
    title = f"\nAll merges of a job of {batches:,} batches x {MERGED_SIZE} records"
    row = [f"{batches * MERGED_SIZE:,}", f"{merged_bytes / 1e6:.1f}", f"{whole.whole_s:.1f}", f"{whole.merging_s:.2f}"]
    goal = verdict(f"merging {whole.merging_s:.2f} <= {GOAL_MERGE_S:g} s in all", whole.merging_s, GOAL_MERGE_S)
    return f"{table(title, ('records', 'MB', 'whole s', 'merging s'), [row])}\n{goal}"


if __name__ == "__main__":
    main(sys.argv[1:])
