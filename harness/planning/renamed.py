"""A manifest or a folder under a new name: the work that was done under the old one is found again, or pointed at."""

import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from harness.base.errors import HarnessError, Problem, UsageError
from harness.base.instances import origin_of
from harness.base.job_home import HARNESS, LEDGER
from harness.base.texts import in_yaml, shown
from harness.job.job import Job
from harness.ledger.job_queries import name_of, planned


def refuse_renamed(job: Job) -> None:
    """UsageError for a manifest whose ledger has another name, and for one without a ledger where one of its name lies
    beside it whose manifest is gone."""
    recorded = _name_in(job.home.ledger)
    if recorded is not None and recorded != job.name:
        raise UsageError([of_another_name(job, recorded)])
    if job.rehearsal or (job.home.ledger).exists():
        return
    for state in _without_manifest(job):
        old = job.folder / f"{origin_of(state).manifest.stem}{job.manifest.suffix}"
        ways = [f"`{_move(job.manifest, old)}` continues it"]
        if not job.state.exists():
            ways.append(f"so does `{_move(state, job.state)}`, under the new name")
        ways.append("for another job, name it: job: NAME")
        message = f"{shown(state)} holds work of the job {job.name!r}, whose manifest {shown(old)} is gone"
        raise UsageError([Problem(shown(job.manifest), message, "; ".join(ways))])


def of_another_name(job: Job, recorded: str) -> Problem:
    """The ledger of this manifest was made under another name, which may be that of the folder then."""
    message = f"its ledger belongs to the job {recorded!r}, not {job.name!r}"
    hint = (
        f"if only the name is new, here or of the folder, write job: {in_yaml(recorded)} into it; "
        "another job needs a manifest of its own"
    )
    return Problem(shown(job.manifest), message, hint)


def _without_manifest(job: Job) -> Iterator[Path]:
    for ledger in sorted((job.folder / HARNESS).glob(f"*/{LEDGER}")):
        state = ledger.parent
        is_ours = state != job.state and not state.name.endswith(".rehearsal") and ".backup" not in state.name
        if is_ours and not origin_of(state).manifest.exists() and _name_in(ledger) == job.name:
            yield state


def _name_in(ledger: Path) -> str | None:
    try:
        with planned(ledger) as db:
            return name_of(db) if db is not None else None
    except (sqlite3.Error, HarnessError, OSError):  # `harness status` on it says what is wrong with it
        return None


def _move(old: Path, new: Path) -> str:
    return shlex.join(["mv", shown(old), shown(new)])
