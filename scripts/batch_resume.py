"""After an interruption: put what was being worked on back to the front of the queue. Starts no session.

    cd scripts && python3 batch_resume.py

What a lost session left behind is judged first: a good report counts. Exits 2 when nothing was ever started, 5 while
the job runs.
"""

import sys
from pathlib import Path
from typing import Any

from project import MANIFEST, START, exit_code_of, use_own_python


def main() -> None:
    """A run that may start nothing: it settles what was interrupted. HarnessError when there is nothing to resume."""
    from harness.cli.run_to_end import run_to_end
    from harness.job.load import load
    from harness.supervisor.run_options import RunOptions

    job = load(MANIFEST)
    interrupted = progress(job.state)["running"]
    run_to_end(job, RunOptions(credential=None, settle_only=True))
    after = progress(job.state)
    for school in interrupted:
        print(f"{school}: {'its report was good, done' if school in after['completed'] else 'back in the queue'}")
    count = {words: len(after[words]) for words in ("completed", "failed", "pending")}
    print(f"{job.name}: {count['completed']} done, {count['failed']} failed, {count['pending']} pending; {START}")


def progress(state: Path) -> dict[str, Any]:
    """What batch_progress.json would say now, read from the ledger."""
    from harness.base.clock import SystemClock
    from harness.ledger.progress_file import build
    from harness.views.ledger_reading import reading
    from harness.views.reason_words import reasons_text

    with reading(state) as db:
        return build(db, SystemClock().now(), reasons_text)


if __name__ == "__main__":
    use_own_python()
    sys.exit(exit_code_of(main))
