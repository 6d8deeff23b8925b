"""What a run finds and leaves in its folders: half files of a run that was killed are removed."""

from pathlib import Path

from harness.base.artifacts import ArtifactStore
from harness.base.files import remove_half_written, remove_tree
from harness.job.job import Job


def progress_path(job: Job) -> Path:
    """Where batch_progress.json lies: beside the manifest, or with the rehearsal's state."""
    return (job.state if job.rehearsal else job.folder) / "batch_progress.json"


def tidy(job: Job) -> None:
    """Remove what a killed run left half done; only for the holder of the job's lock."""
    ArtifactStore(job.state / "artifacts").tidy()
    remove_half_written(progress_path(job).parent, progress_path(job).name)
    for leftover in job.state.glob("preflight-*"):
        remove_tree(leftover)
