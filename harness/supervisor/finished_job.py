"""Whether a finished job has anything left to do; a launch of one that has not writes nothing."""

from harness.core.decide import Stop
from harness.core.messages import message
from harness.job.job import Job
from harness.ledger import attempt_queries, group_queries, item_queries, progress_file, spool
from harness.ledger.job_queries import head
from harness.ledger.store import Ledger
from harness.planning.choice import Choice, chosen_roots
from harness.supervisor.merger import is_merged
from harness.supervisor.outcome import Finished, how_it_ended
from harness.supervisor.progress_paths import ProgressPaths
from harness.supervisor.workbook_writer import late


def at_rest(job: Job, ledger: Ledger, choice: Choice) -> Finished | None:
    """How the job ended, when its last run ended as finished, nobody has asked for anything since, and all that it
    writes is as it left it; else None."""
    db = ledger.db
    last = head(db)
    is_over = not last.run_is_open and last.run_exit_code in (0, 1) and not item_queries.has_open_items(db)
    if (
        not is_over
        or group_queries.has_parked_groups(db)
        or attempt_queries.unsettled(db)
        or spool.waiting(job.home.control)
    ):
        return None
    if late(job, db) or not all(is_merged(ledger, phase) for phase in job.phases):
        return None
    progress = ProgressPaths.of(job).progress
    if not progress.exists() or progress_file.was_edited(progress):
        return None
    return how_it_ended(db, Stop("finished", message("nothing_left")), 0, chosen_roots(db, choice))
