"""Where batch_progress.json and errors.jsonl of a job lie."""

from dataclasses import dataclass
from pathlib import Path

from harness.base import error_file
from harness.base.instances import origin_of
from harness.base.job_home import LEDGER
from harness.job.job import Job
from harness.ledger import progress_file

PROGRESS = "batch_progress.json"


@dataclass(frozen=True, slots=True)
class ProgressPaths:
    """Both, and where the first lies for a job that shares its folder with no other."""

    progress: Path
    errors: Path
    beside: Path

    @staticmethod
    def of(job: Job) -> "ProgressPaths":
        """Beside the manifest; with the state of a rehearsal or an instance, or where another manifest of the folder
        has a ledger, too, so that the two do not write one file in turn. The errors lie beside the progress, unless
        that is where this job merges to."""
        is_apart = job.rehearsal or job.instance is not None or _has_neighbor(job.state)
        progress = (job.state if is_apart else job.folder) / PROGRESS
        errors = progress.with_name(error_file.NAME)
        is_taken = any(phase.output.merge == errors for phase in job.phases)
        return ProgressPaths(progress, job.state / error_file.NAME if is_taken else errors, job.folder / PROGRESS)

    def leave_shared(self, name: str) -> None:
        """The files of the job `name` move out of a folder that another manifest has begun to share; those of another
        job stay."""
        if self.progress != self.beside and progress_file.is_of(self.beside, name):
            self.beside.unlink(missing_ok=True)
            if error_file.is_ours(errors := self.beside.with_name(error_file.NAME)):
                errors.unlink(missing_ok=True)


def _has_neighbor(state: Path) -> bool:
    others = (path.parent for path in state.parent.glob(f"*/{LEDGER}") if path.parent.name != state.name)
    return any("." not in other.name.removeprefix(state.name) for other in others if not origin_of(other).instance)
