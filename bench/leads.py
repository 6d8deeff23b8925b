"""examples/leads as it runs at night: `python -m bench.leads [--batch 10] [--industry Software] [--leads 50]`.

`harness launch`, not `rehearse`: the rate is waited for. What answers is the rehearsal server with the example's scene.
From its request log: which batches ran, how many sessions at once, how many first requests in a minute.
"""

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.job.load import load
from harness.rehearsal.brief import Briefing
from harness.rehearsal.process import RehearsalServer

ROOT = Path(__file__).resolve().parents[1]


def night(folder: Path, words: list[str]) -> Iterator[str]:
    """One launch in a copy of the example; what the logs say of it."""
    shutil.copytree(ROOT / "examples/leads", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("clients"))
    subprocess.run([sys.executable, "make_workbook.py", *words], cwd=folder, check=True, stdout=sys.stderr)
    book = folder / "clients/acme.xlsx"
    before = hashlib.sha256(book.read_bytes()).hexdigest()
    code = asyncio.run(launched(folder))
    log = (folder / ".harness/job/rehearsal/requests.jsonl").read_text().splitlines()
    yield from figures([json.loads(line) for line in log])
    yield by_the_ledger(folder / ".harness/job/ledger.db")
    unchanged = hashlib.sha256(book.read_bytes()).hexdigest() == before
    dossiers = len(list(folder.glob("output/*/dossiers/*")))
    yield f"exit code {code}; workbook byte-identical: {unchanged}; {dossiers} dossiers"
    copy = rows_of(folder / "output/acme/leads.xlsx")
    yield f"copy: {sum(row[7] == 'done' for row in copy)} of {len(copy)} done, the first {copy[0][0]} {copy[0][7:9]}"


async def launched(folder: Path) -> int:
    """The exit code of a launch that the rehearsal server answers, each answer after 4 s."""
    job = load(folder / "job.yaml", rehearsal=True)
    state = folder / ".harness/job"
    async with await RehearsalServer.start(state, job.scene, "slow=4:*", briefing=Briefing.of(job)) as server:
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "HARNESS_TRUST": "1"}
        env |= {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-ant-api03-rehearsal-not-a-key"}
        launch = [sys.executable, "-m", "harness", "launch", "--plain"]
        process = await asyncio.create_subprocess_exec(*launch, cwd=folder, env=env, stdout=sys.stderr)
        return await process.wait()


def by_the_ledger(ledger: Path) -> str:
    """Most starts in any minute, and most sessions of the last phase at once."""
    with closing(sqlite3.connect(ledger)) as db:
        rows = db.execute("SELECT started_at, ended_at, phase FROM attempts ORDER BY id").fetchall()
    spans = [[datetime.fromisoformat(start), datetime.fromisoformat(end)] for start, end, _ in rows]
    last = [span for span, row in zip(spans, rows, strict=True) if row[2] == 4]
    most = _in_a_minute(sorted(span[0] for span in spans))
    return f"ledger: at most {most} starts in 60 s, dossiers {_at_once(last)} at once"


def rows_of(book: Path) -> list[tuple[Any, ...]]:
    """The leads in a workbook, below the header."""
    from openpyxl import load_workbook

    return list(load_workbook(book)["Leads"].iter_rows(min_row=2, values_only=True))


def figures(log: list[dict[str, Any]]) -> Iterator[str]:
    """By phase and over all: sessions, batches, most at once, most starts in a minute."""
    spans: dict[str, list[datetime]] = defaultdict(list)
    about: dict[str, tuple[str, str, str]] = {}
    for line in log:
        if line.get("session") and line.get("phase"):
            spans[line["session"]].append(datetime.fromisoformat(line["time"]))
            about[line["session"]] = (line["phase"], line["batch"], f"{len(line['ids'])} from {line['ids'][0]}")
    for phase in ("onboard", "prepare", "compose", "dossiers"):
        ours = [session for session in spans if about[session][0] == phase]
        first: dict[str, str] = {}
        for session in ours:
            first.setdefault(about[session][1], about[session][2])
        batches = ", ".join(f"{batch} ({who})" for batch, who in sorted(first.items()))
        yield f"{phase}: {len(ours)} sessions, batches {batches}; {_at_once([spans[s] for s in ours])} at once"
    starts = sorted(min(times) for times in spans.values())
    took_s = (starts[-1] - starts[0]).total_seconds()
    yield f"all: {len(spans)} sessions, at most {_in_a_minute(starts)} first requests in 60 s, {took_s:.0f} s"


def _in_a_minute(starts: list[datetime]) -> int:
    return max(sum(0 <= (other - one).total_seconds() < 60 for other in starts) for one in starts)


def _at_once(spans: list[list[datetime]]) -> int:
    ends = [(min(times), max(times)) for times in spans]
    return max(sum(begin <= at <= end for begin, end in ends) for at, _ in ends)


def main() -> None:
    asked = argparse.ArgumentParser(description="The leads of examples/leads, launched against the rehearsal server.")
    for name, default in (("--batch", "10"), ("--industry", "Software"), ("--leads", "50")):
        asked.add_argument(name, default=default)
    words = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="leads-") as folder:
        given = ["--batch", words.batch, "--industry", words.industry, "--leads", words.leads]
        for line in night(Path(folder), given):
            print(line)


if __name__ == "__main__":
    main()
