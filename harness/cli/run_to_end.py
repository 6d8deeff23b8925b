"""Runs a job as the one thing that this process does: signals are requests, Ctrl-Z stops it whole."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from harness.base.processes import become_subreaper
from harness.core.types import SessionEvent
from harness.job.job import Job
from harness.supervisor.inbox import Inbox
from harness.supervisor.outcome import Finished
from harness.supervisor.run import as_refusal, run_job
from harness.supervisor.run_options import RunOptions
from harness.supervisor.signals import as_requests, stopped_whole


def to_end(job: Job, run: Callable[[Inbox], Coroutine[Any, Any, Finished]]) -> Finished:
    """A run of the job with an event loop of its own; what sessions leave behind becomes a child of this process."""
    become_subreaper()
    inbox = Inbox()
    try:
        with stopped_whole(), as_requests(inbox):
            return asyncio.run(run(inbox))
    except (OSError, RuntimeError) as error:  # this machine has no thread, or no descriptor, left for it
        refusal = as_refusal(job.home, error)
        if refusal is None:
            raise
        raise refusal from error


def run_to_end(
    job: Job, options: RunOptions, on_event: Callable[[SessionEvent], None] = lambda event: None
) -> Finished:
    """`run_job` of a job with options that only this program has."""
    return to_end(job, lambda inbox: run_job(job, options, on_event, inbox))
