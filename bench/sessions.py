"""Real CLI sessions side by side: what one costs in time, processor and memory, and what the supervisor needs."""

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bench.machine import describe
from bench.rehearsals import Watched, rehearse, write_job
from bench.tables import median, spread, table, verdict

GOAL_SUPERVISOR_MB = 100.0
HEADS = (
    "at once",
    "sessions",
    "seen at once",
    "whole s",
    "s/session",
    "CPU s/session",
    "peak PSS MB/session",
    "all together MB",
    "supervisor peak RSS MB",
    "its CPU s",
)
MANIFEST = """job: sessions
items: {{file: items.jsonl}}
session: {{model: sonnet, prompt: "Write down what {{{{ item.id }}}} says: {{{{ item.text }}}}"}}
output: {{fields: {{id: string, text: string}}, merge: merged.json}}
parallel: {parallel}
budget: $40
"""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench.sessions", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 sessions, 2 at once")
    parser.add_argument("--sessions", type=int, default=24)
    parser.add_argument("--parallel", default="1,8")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args(arguments)
    sessions = 4 if options.quick else options.sessions
    widths = [2] if options.quick else [int(width) for width in options.parallel.split(",")]
    measured: dict[int, list[tuple[Watched, list[float]]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        print(describe(Path(name)), "\n", flush=True)
        for _ in range(options.repeats):
            for width in widths:
                measured.setdefault(width, []).append(_played(Path(name), sessions, width))
    rows = [_row(width, sessions, played) for width, played in measured.items()]
    print(table("Real Claude Code CLI sessions, two requests each, in bubblewrap where it works", HEADS, rows))
    most = max(watched.supervisor_mb for played in measured.values() for watched, _ in played)
    print(verdict(f"supervisor {most:.0f} <= {GOAL_SUPERVISOR_MB:g} MB, the SDK loaded", most, GOAL_SUPERVISOR_MB))


def _played(root: Path, sessions: int, parallel: int) -> tuple[Watched, list[float]]:
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = Path(name)
        ids = [f"S{number:04d}" for number in range(1, sessions + 1)]
        write_job(folder, MANIFEST.format(parallel=parallel), ids)
        watched = rehearse(folder)
        with closing(sqlite3.connect(folder / ".harness/job.rehearsal/ledger.db")) as db:
            durations = [row[0] for row in db.execute("SELECT duration_s FROM attempts WHERE outcome = 'succeeded'")]
        if len(durations) != sessions:
            raise SystemExit(f"{sessions} sessions were asked for, {len(durations)} ended well")
        return watched, durations


def _row(parallel: int, sessions: int, played: Sequence[tuple[Watched, list[float]]]) -> list[str]:
    watched = [each for each, _ in played]
    return [
        str(parallel),
        str(sessions),
        str(max(each.most_at_once for each in watched)),
        spread([each.wall_s for each in watched]),
        spread([median(durations) for _, durations in played], 2),
        spread([each.session_cpu_s() for each in watched], 2),
        spread([median(list(each.session_mb.values())) for each in watched], 0),
        spread([each.most_together_mb for each in watched], 0),
        spread([each.supervisor_mb for each in watched], 0),
        spread([each.supervisor_cpu_s for each in watched]),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
