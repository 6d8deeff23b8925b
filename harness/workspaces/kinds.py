"""Which workspace a job's sessions get: a new kind is a module of this room and a line here."""

from harness.core.seam import Workspace
from harness.job.job import Job
from harness.workspaces.empty import EmptyWorkspace


def workspace_of(job: Job) -> Workspace:
    """The workspace that the manifest asks for. There is one kind until it can ask for another."""
    return EmptyWorkspace()
