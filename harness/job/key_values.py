"""The keys that a job's own programs get, by name, out of this process's environment."""

import os
from collections.abc import Mapping

from harness.base.errors import Problem, UsageError
from harness.job.job import Job


def keys_of(job: Job, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Name -> value of those that are set; a rehearsal gets none."""
    return {} if job.rehearsal else job.keys.set_in(environ)


def refuse_missing_keys(job: Job, environ: Mapping[str, str] = os.environ) -> None:
    """UsageError with each required key that is not set."""
    missing = () if job.rehearsal else job.keys.missing(environ)
    if missing:
        hint = "set it and launch again; `harness check --only keys` shows which are set"
        raise UsageError([Problem("keys.required", f"{name} is not set", hint) for name in missing])
