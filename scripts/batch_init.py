"""Plan the schools job: every school of the list pending. Starts no session and spends nothing.

    cd scripts && python3 batch_init.py            # asks, when there is progress: resume or reset?
    cd scripts && python3 batch_init.py --reset    # start over; ledger and outputs are moved to a backup

Exits 0 when the job is planned, 2 when the list is wrong or there is progress and nobody to ask, 5 while it runs.
"""

import argparse
import sys
from contextlib import closing

from project import MANIFEST, START, exit_code_of, use_own_python


def main(*, reset: bool) -> None:
    """Plan the job, or leave it as it was planned; HarnessError when it cannot be."""
    from harness.base.clock import SystemClock, to_text
    from harness.evaluation.bounded import Bounded
    from harness.job.load import load
    from harness.ledger import progress_file
    from harness.ledger.counts import job_counts
    from harness.ledger.lock import JobLock
    from harness.planning.job_plan import plan_or_check
    from harness.planning.preconditions import Look
    from harness.planning.state_folder import backup, make_state_folder
    from harness.sources.read import read
    from harness.supervisor.held_state import open_ledger
    from harness.views.reason_words import reasons_text

    clock, job = SystemClock(), load(MANIFEST)
    make_state_folder(job)
    with JobLock(job.state / "lock", clock), closing(Bounded()) as bounded:
        read(job, bounded)  # a list that is wrong is told before anything is moved
        with closing(open_ledger(job, clock)) as ledger:
            counts = job_counts(ledger.db) if ledger.is_planned() else None
        settled = counts.settled + counts.running if counts else 0
        if reset or (counts and settled and wants_reset(f"{counts.done} done, {counts.failed} failed")):
            print(f"what was there is now in {backup(job, to_text(clock.now()).replace(':', '').replace('.', ''))}")
            make_state_folder(job)
        with closing(open_ledger(job, clock)) as ledger:
            plan_or_check(job, ledger, Look(clock.now(), bounded))
            projection = progress_file.build(ledger.db, clock.now(), reasons_text)
            progress_file.write(job.folder / "batch_progress.json", projection)
            counts = job_counts(ledger.db)
    print(f"{job.name}: {counts.done} done, {counts.failed} failed, {counts.pending + counts.running} pending; {START}")


def wants_reset(progress: str) -> bool:
    """Ask a person; UsageError when there is none, so that progress is never destroyed silently."""
    from harness.base.errors import Problem, UsageError

    if not sys.stdin.isatty():
        hint = f"--reset starts over and keeps a backup; to resume, {START}"
        raise UsageError([Problem("batch_init.py", f"there is progress already: {progress}", hint)])
    while True:
        answer = input(f"There is progress already: {progress}. Type resume or reset [resume]: ").strip().lower()
        if answer in ("", "resume", "reset"):
            return answer == "reset"


def reset_is_asked_for() -> bool:
    parser = argparse.ArgumentParser(description="Plan the schools job.")
    parser.add_argument("--reset", action="store_true", help="start over; existing files are moved to a backup")
    return bool(parser.parse_args().reset)


if __name__ == "__main__":
    use_own_python()
    is_reset = reset_is_asked_for()
    sys.exit(exit_code_of(lambda: main(reset=is_reset)))
