"""The gap between one session's end and the next one's start: what the harness itself takes per session.

Sequential, durable, backend `command`; the stub lives 50 ms and notes itself when it began and ended.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.children import Ran, harness, must
from bench.machine import describe
from bench.stubs import Stub, gaps_ms, make_stub
from bench.tables import median, p95, spread, table, verdict

SANDBOXES = ("off", "bubblewrap", "permissions")
SIZES = (100, 1_000, 5_000)
GOALS_MS = {"off": 8.0, "bubblewrap": 15.0}
_GROWTH_MS = 1.0
"""Two medians of the same thing differ by this much on a machine that others use too."""

MANIFEST = """job: overhead
items: {{file: items.jsonl}}
session: {{backend: command, command: {command}, prompt: "Item {{{{ item.id }}}}."}}
output: {{shape: one, merge: merged.json}}
sandbox: "{sandbox}"
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of N sessions. `gaps` are milliseconds in order."""

    gaps: list[float]
    ran: Ran

    def first(self) -> float:
        return median(self.gaps[: max(1, len(self.gaps) // 10)])

    def last(self) -> float:
        return median(self.gaps[-max(1, len(self.gaps) // 10) :])


def sample(root: Path, stub: Stub, sandbox: str, sessions: int) -> Sample:
    """Launch a job of so many items in a new folder below `root`. It stays there: on ext4 a new file costs up to a
    millisecond for half a minute after thousands were removed."""
    folder = Path(tempfile.mkdtemp(dir=root))
    (folder / "items.jsonl").write_text("".join(f'{{"id": "{n}"}}\n' for n in range(1, sessions + 1)))
    command = json.dumps([str(stub.program), "times"])
    (folder / "job.yaml").write_text(MANIFEST.format(command=command, sandbox=sandbox))
    ran = must(harness(folder, "launch", "--plain"))
    gaps = gaps_ms(folder.glob(".harness/job/attempts/*/work/times"))
    if len(gaps) != sessions - 1:
        raise SystemExit(f"{sessions} sessions were asked for, {len(gaps) + 1} noted their times")
    return Sample(gaps, ran)


def row(name: str, sessions: int, samples: Sequence[Sample]) -> list[str]:
    return [
        name,
        f"{sessions:,}",
        spread([median(each.gaps) for each in samples]),
        spread([p95(each.gaps) for each in samples]),
        spread([each.first() for each in samples]),
        spread([each.last() for each in samples]),
        spread([each.ran.wall_s for each in samples]),
        spread([1000 * each.ran.cpu_s / sessions for each in samples]),
        spread([each.ran.rss_mb for each in samples], 0),
    ]


HEADS = ("sandbox", "N", "median ms", "p95 ms", "first 10 %", "last 10 %", "whole s", "CPU ms/session", "own peak MB")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench.overhead", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 sessions, to see that it works")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--sandbox", default=",".join(SANDBOXES))
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args(arguments)
    sizes = [20] if options.quick else [int(size) for size in options.sizes.split(",")]
    measured: dict[tuple[str, int], list[Sample]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        stub = make_stub(root)
        print(describe(root), f"\nstub: 50 ms, {stub.language}\n", flush=True)
        for _ in range(options.repeats):
            for size in sizes:
                for sandbox in options.sandbox.split(","):
                    measured.setdefault((sandbox, size), []).append(sample(root, stub, sandbox, size))
    rows = [row(sandbox, size, samples) for (sandbox, size), samples in sorted(measured.items(), key=_place)]
    print(table("Gap between one session's end and the next one's start", HEADS, rows))
    for line in verdicts(measured):
        print(line)


def _place(entry: tuple[tuple[str, int], list[Sample]]) -> tuple[int, int]:
    (sandbox, size), _ = entry
    return SANDBOXES.index(sandbox), size


def verdicts(measured: dict[tuple[str, int], list[Sample]]) -> list[str]:
    """The goals: the median at every N, and no growth from the first decile to the last at the greatest N."""
    lines = []
    for sandbox in SANDBOXES:
        medians = {
            n: median([median(each.gaps) for each in samples]) for (w, n), samples in measured.items() if w == sandbox
        }
        if not medians:
            continue
        if sandbox in GOALS_MS:
            worst = max(medians.values())
            lines.append(
                verdict(f"{sandbox}: median {worst:.1f} <= {GOALS_MS[sandbox]:g} ms", worst, GOALS_MS[sandbox])
            )
        most = max(medians)
        grown = median([each.last() - each.first() for each in measured[sandbox, most]])
        lines.append(verdict(f"{sandbox}: growth {grown:+.1f} ms over N = {most:,}", grown, _GROWTH_MS))
    return lines


if __name__ == "__main__":
    main(sys.argv[1:])
