"""A run of the real harness whose executor does nothing: every session ends at once with a good record.

    python -m bench.null_run JOB_FOLDER [STOP_AFTER]

Everything but the executor is the harness: sources, planning, prompts, ledger, store, judge, merge, progress. Prints
one JSON object, `Told`. With STOP_AFTER it kills itself with SIGKILL at the start of that session.
"""

import asyncio
import json
import os
import signal
import statistics
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.children import peak_mb
from harness.base.ids import Token
from harness.cli.run_to_end import run_to_end
from harness.core.types import Artifact, Ending, SessionEvent, SessionFacts
from harness.core.work import AttemptSpec, Identity, Work
from harness.executors import host
from harness.executors.running_attempt import Tools
from harness.job.job import PhaseSpec
from harness.job.load import load
from harness.supervisor.merger import Merger
from harness.supervisor.run_options import RunOptions


@dataclass(frozen=True, slots=True)
class Told:
    """What one life says at its end. Seconds count from the start of its process, the interpreter's own included."""

    sessions: int
    to_first_s: float | None
    whole_s: float
    first_ms: float
    """From one session's start to the next one's: the median over the first tenth."""
    last_ms: float
    peak_mb: float
    merging_s: float
    """All merges together."""


class NullExecutor:
    """Implements `core.seam.Executor`; the artifact is durable in the store, as the seam demands."""

    def __init__(self, store: Any, starts: "array[float]", stop_after: int | None, say: Callable[[], None]) -> None:
        self._store = store
        self._starts = starts
        self._stop_after = stop_after
        self._say = say

    def work_path(self, folder: Path) -> str:
        return "/mnt/work"

    async def run(self, spec: AttemptSpec, on_event: Callable[[SessionEvent], None]) -> Ending:
        self._starts.append(time.monotonic())
        if len(self._starts) == self._stop_after:
            self._say()
            os.kill(os.getpid(), signal.SIGKILL)
        records = [{"id": item.id, "text": f"the record of item {item.id}"} for item in spec.items]
        content = json.dumps(records).encode()
        artifact = Artifact(spec.output.file, self._store.put(content), len(content))
        facts = SessionFacts(session_id=spec.session_id, cost_usd=Decimal(0), turns=1)
        await asyncio.sleep(0)
        return Ending((artifact,), (), None, facts, timedelta(seconds=1))

    async def interrupt(self, token: Token, *, hard: bool = False) -> None:
        return None

    async def salvage(self, lost: Identity, work: Work) -> Ending:
        return Ending((), (), None, SessionFacts(cost_usd=Decimal(0)), timedelta(0))

    async def sweep(self) -> int:
        return 0


@contextmanager
def _timed_merges(took: list[float]) -> Iterator[None]:
    """Notes how many seconds each merge took."""
    merge = Merger._merge_phase

    async def timed(merger: Merger, phase: PhaseSpec) -> None:
        began = time.monotonic()
        await merge(merger, phase)
        took.append(time.monotonic() - began)

    with patch.object(Merger, "_merge_phase", timed):
        yield


def _process_started() -> float:
    """When this process began, on the monotonic clock."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    return time.monotonic() - (up_s - ticks / os.sysconf("SC_CLK_TCK"))


def main() -> None:
    began = _process_started()
    starts: array[float] = array("d")
    folder = Path(sys.argv[1])
    stop_after = int(sys.argv[2]) if len(sys.argv) > 2 else None
    merging: list[float] = []

    def say() -> None:
        steps = [1000 * (after - before) for before, after in pairwise(starts)] or [0.0]
        tenth = max(1, len(steps) // 10)
        told = Told(
            sessions=len(starts),
            to_first_s=starts[0] - began if starts else None,
            whole_s=time.monotonic() - began,
            first_ms=statistics.median(steps[:tenth]),
            last_ms=statistics.median(steps[-tenth:]),
            peak_mb=peak_mb(Path("/proc/self/status")),
            merging_s=sum(merging),
        )
        print(json.dumps(asdict(told)), flush=True)

    def executor(*, tools: Tools, **others: object) -> NullExecutor:
        return NullExecutor(tools.store, starts, stop_after, say)

    with patch.object(host, "LocalExecutor", executor), _timed_merges(merging):
        finished = run_to_end(load(folder / "job.yaml"), RunOptions(credential=None))
    say()
    sys.exit(finished.exit_code)


if __name__ == "__main__":
    main()
