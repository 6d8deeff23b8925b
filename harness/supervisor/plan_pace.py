"""The pace of a phase whose batches come out of an accepted plan: no more of its sessions start than that lets."""

from collections.abc import Iterable
from datetime import datetime

from harness.core.gate import Closed
from harness.core.messages import message
from harness.core.types import BatchRef
from harness.job.job import Job
from harness.ledger import attempt_queries, group_queries
from harness.ledger.store import Ledger


def is_full(ledger: Ledger, phase: int, running: Iterable[BatchRef]) -> bool:
    """Do as many sessions of the phase run as its plan lets run at once?"""
    at_once = group_queries.pace_of(ledger.db, phase).at_once
    return at_once is not None and sum(batch.phase == phase for batch in running) >= at_once


def closed(job: Job, ledger: Ledger, phase: int, now: datetime) -> Closed | None:
    """Until when the starts of the last minute keep the phase from another one; a rehearsal waits for no rate."""
    rate = group_queries.pace_of(ledger.db, phase).rate
    if rate is None or job.rehearsal:
        return None
    opens = rate.opens(attempt_queries.last_starts(ledger.db, rate.starts, phase), now)
    if opens is None:
        return None
    return Closed(opens, "rate", message("at_rate_of_plan", rate=rate.in_words(), phase=job.phase(phase).name))
