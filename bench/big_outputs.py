"""Three sessions leave 64 MiB of `{}` each, at once, beside many small ones: the supervisor's memory, and who waits.

The sessions are programs; the small ones are the same in the night without the three, which is there to compare.
"""

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from bench.children import harness, must
from bench.machine import describe
from bench.tables import median, table

BIG, SMALL = 3, 60
BYTES = 64 * 2**20
GOAL_MB = 400.0
MANIFEST = """noun: item
items: {file: items.csv}
session: {backend: command, command: [python3, worker.py], timeout: 5m}
output: {limit: 64 MiB, merge: merged.json}
strikes: 1
parallel: 6
sandbox: "off"
"""
WORKER = """import json, os
(item,) = json.load(open("items.json"))
with open(os.environ["HARNESS_OUTPUT"], "wb") as file:
    if item["id"].startswith("big"):
        file.write(b"[" + b"{}," * (%d // 3 - 1) + b"{}]")
    else:
        file.write(json.dumps([{"id": item["id"]}]).encode())
"""
HEADS = ("big outputs", "bytes each", "supervisor's peak MB", "small sessions", "ms to judge and settle one", "worst")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench.big_outputs", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 MiB and 6 small sessions")
    options = parser.parse_args(arguments)
    size, small = (4 * 2**20, 6) if options.quick else (BYTES, SMALL)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        print(describe(Path(name)), "\n", flush=True)
        rows = [_night(Path(name) / str(big), big, size, small) for big in (0, BIG)]
    print(table("Big outputs beside small ones", HEADS, rows))
    peak = float(rows[1][2])
    print(f"\npeak {peak:.0f} MB, goal below {GOAL_MB:.0f}: {'reached' if peak < GOAL_MB else 'MISSED'}")


def _night(folder: Path, big: int, size: int, small: int) -> tuple[str, ...]:
    folder.mkdir()
    ids = [f"s{number}" for number in range(small)]
    for number in range(big):
        ids.insert(1 + number, f"big{number}")
    (folder / "items.csv").write_text("id\n" + "\n".join(ids) + "\n")
    (folder / "worker.py").write_text(WORKER % size)
    (folder / "job.yaml").write_text(MANIFEST)
    ran = must(harness(folder, "launch", "--plain"), code=1 if big else 0)
    waits = _waits_ms(folder)
    assert len(waits) == small, f"{len(waits)} of {small} small sessions ended well:\n{ran.said}"
    return str(big), f"{size:,}", f"{ran.rss_mb:.0f}", str(small), f"{median(waits):.1f}", f"{max(waits):.0f}"


def _waits_ms(folder: Path) -> list[float]:
    """For each small session: from its end to the commit that settled it, its start included."""
    with sqlite3.connect(folder / ".harness" / "job" / "ledger.db") as db:
        rows = db.execute(
            "SELECT started_at, ended_at, duration_s FROM attempts WHERE outcome = 'succeeded'"
        ).fetchall()
    return [
        1000 * ((datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds() - duration)
        for started, ended, duration in rows
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
