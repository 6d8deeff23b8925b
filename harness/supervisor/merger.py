"""The merge, kept up to date while the job runs: never above 5 % of the time, and whole at every stop."""

import asyncio
from pathlib import Path

from harness.core.events import Merged
from harness.job.job import Job, PhaseSpec
from harness.ledger import pieces
from harness.ledger.store import Ledger, opened_for_reading
from harness.outputs import merge as files
from harness.supervisor.run_context import JobContext
from harness.supervisor.throttled import OffTheLoop, Throttled
from harness.supervisor.workbook_writer import WriteBacks


class Merger:
    """Merges the phases whose accepted records have changed, and writes statuses and results back into workbooks."""

    def __init__(self, run: JobContext, off_the_loop: OffTheLoop = asyncio.to_thread) -> None:
        self._run = run
        self._off_the_loop = off_the_loop
        self._changed: set[int] = set()
        self._back = WriteBacks(run.job, run.ledger.path, run.store)
        self.throttled = Throttled(self._merge_changed, run.clock)

    def note(self, phase: int) -> None:
        """An attempt of this phase was settled."""
        if self._run.job.phase(phase).output.merge is not None:
            self._changed.add(phase)
            self.throttled.note()
        self._back.note()
        if self._back.are_wanted:
            self.throttled.note()

    async def merge_all(self) -> None:
        """Bring every phase's merge up to date; at every stop."""
        self.throttled.forget()
        await self._merge([phase.number for phase in self._run.job.phases])

    async def _merge_changed(self) -> None:
        """Merge what has changed; attempts go on meanwhile."""
        await self._merge(sorted(self._changed))

    async def _merge(self, phases: list[int]) -> None:
        for phase in phases:
            self._changed.discard(phase)
            await self._merge_phase(self._run.job.phase(phase))
        if self._back.are_wanted:
            await self._off_the_loop(self._back.write)

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
