"""The merge, kept up to date while the job runs: never above 5 % of the time, and whole at every stop."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from harness.core.events import Merged
from harness.job.job import Job, PhaseSpec
from harness.ledger import pieces
from harness.ledger.store import Ledger, opened_for_reading
from harness.outputs import merge as files
from harness.supervisor.run_context import RunContext
from harness.supervisor.workbook_writer import WriteBacks

Blocking = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a blocking function off the loop; the simulation runs it in place."""

_SHARE = 20
"""A merge that took 1 s is not done again for 20 s."""
_SHORTEST_S = 0.5


class Merger:
    """Merges the phases whose accepted records have changed, and writes statuses and results back into workbooks."""

    def __init__(self, run: RunContext, off_the_loop: Blocking = asyncio.to_thread) -> None:
        self._run = run
        self._off_the_loop = off_the_loop
        self._dirty: set[int] = set()
        self._back = WriteBacks(run.job, run.ledger.path, run.store)
        self._is_busy = False
        self._not_before = 0.0

    def note(self, phase: int) -> None:
        """An attempt of this phase was settled."""
        if self._run.job.phase(phase).output.merge is not None:
            self._dirty.add(phase)
        self._back.note()

    def due_in_s(self) -> float | None:
        """Seconds until a merge is due; None when nothing changed, or one is being made."""
        if self._is_busy or not (self._dirty or self._back.is_stale):
            return None
        return max(0.0, self._not_before - self._run.clock.monotonic())

    async def merge_due(self) -> None:
        """Merge what has changed; attempts go on meanwhile."""
        self._is_busy = True
        try:
            await self._merge(sorted(self._dirty))
        finally:
            self._is_busy = False

    async def merge_all(self) -> None:
        """Bring every phase's merge up to date; at every stop."""
        await self._merge([phase.number for phase in self._run.job.phases])

    async def _merge(self, phases: list[int]) -> None:
        began = self._run.clock.monotonic()
        for phase in phases:
            self._dirty.discard(phase)
            await self._merge_phase(self._run.job.phase(phase))
        if self._back.are_wanted:
            await self._off_the_loop(self._back.write)
        took = self._run.clock.monotonic() - began
        self._not_before = self._run.clock.monotonic() + max(_SHORTEST_S, _SHARE * took)

    async def _merge_phase(self, phase: PhaseSpec) -> None:
        """Prepare beside the target, commit the hash, rename. Skipped when the target is as it should be already."""
        target, ledger = phase.output.merge, self._run.ledger
        if target is None or is_merged(ledger, phase):
            return
        reflects = pieces.accepted_sum(ledger.db, phase.number).newest
        prepared: files.Prepared = await self._off_the_loop(lambda: self._prepare(phase, target))
        found, set_aside = files.hash_of(target), ""
        if found is not None and not pieces.knows_merge(ledger.db, phase.number, found):
            set_aside = files.keep_aside(target).name
        name = _relative(target, self._run.job)
        ledger.record(Merged(phase.number, name, prepared.sha, prepared.records, reflects, set_aside))
        files.publish(prepared)

    def _prepare(self, phase: PhaseSpec, target: Path) -> files.Prepared:
        """Reads the ledger on a connection of its own: one consistent view, whatever is accepted meanwhile."""
        with opened_for_reading(self._run.ledger.path) as db:
            accepted = pieces.merge_pieces(db, phase.number)
            return files.prepare(target, accepted, phase.output, self._run.store)


def is_merged(ledger: Ledger, phase: PhaseSpec) -> bool:
    """Nothing was accepted or withdrawn since the last merge, and the target, if there is to be one, is what was
    merged then."""
    if phase.output.merge is None:
        return True
    merged = pieces.last_merge(ledger.db, phase.number)
    now = pieces.accepted_sum(ledger.db, phase.number)
    if merged is None:
        return now.records == 0
    is_same = now.newest <= merged.reflects and now.records == merged.records
    return is_same and files.hash_of(phase.output.merge) == merged.sha


def _relative(target: Path, job: Job) -> str:
    return target.relative_to(job.folder).as_posix() if target.is_relative_to(job.folder) else target.as_posix()
