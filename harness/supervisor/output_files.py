"""What a run keeps up to date beside its ledger: merges, workbooks, the progress file and the list of errors."""

from collections.abc import Collection
from dataclasses import dataclass

from harness.supervisor.merger import Merger
from harness.supervisor.progress_writer import ProgressWriter
from harness.supervisor.throttled import Throttled


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """Both are written while sessions run, and once more at every stop."""

    merger: Merger
    progress: ProgressWriter

    def note(self, phases: Collection[int]) -> None:
        """These phases have got records, or lost some; none: nothing changed."""
        for phase in sorted(phases):
            self.merger.note(phase)
        if phases:
            self.progress.note()

    def due(self) -> list[Throttled]:
        """What is to be written now."""
        return [each for each in self._throttled() if each.due_in_s() == 0.0]

    def next_in_s(self) -> float | None:
        """Seconds until something is to be written; None = nothing changed."""
        return min((due for each in self._throttled() if (due := each.due_in_s()) is not None), default=None)

    def _throttled(self) -> tuple[Throttled, Throttled]:
        return self.merger.throttled, self.progress.throttled
