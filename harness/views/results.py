"""Where the results of a job are, how many, and whether the merged files hold all that is done."""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from harness.ledger.job_queries import recorded_fingerprint
from harness.ledger.phase_queries import phase_names
from harness.ledger.pieces import accepted_sum, last_merge
from harness.ledger.written_back import WriteProblem, changes_since, read


@dataclass(frozen=True, slots=True)
class Result:
    """The merged file or folder of a phase, relative to the job folder, as it was last written.

    `behind`: accepted records that it does not hold yet; `ahead`: records in it that were taken back since.
    """

    phase: str
    target: str
    records: int
    behind: int = 0
    ahead: int = 0

    @property
    def is_current(self) -> bool:
        return not (self.behind or self.ahead)


def results(db: sqlite3.Connection) -> tuple[Result, ...]:
    """One for each phase that has merged something, or would have, had its run not been killed before; in order."""
    found = []
    names = phase_names(db)
    for phase, name in names.items():
        merged, now = last_merge(db, phase), accepted_sum(db, phase)
        if merged is not None:
            difference = now.records - merged.records
            found.append(Result(name, merged.target, merged.records, max(0, difference), max(0, -difference)))
        elif now.records and (target := _planned_target(db, name if len(names) > 1 else "")):
            found.append(Result(name, target, 0, now.records))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class WorkbookStatus:
    """A workbook with statuses and results in it. `behind`: entries about items since it was written."""

    target: str
    rows: int
    behind: int
    problem: WriteProblem | None
    """Why it could not be written last time."""

    @property
    def is_current(self) -> bool:
        return not self.behind and self.problem is None


def workbooks(db: sqlite3.Connection, state: Path) -> tuple[WorkbookStatus, ...]:
    """One for each phase that writes back, in order."""
    return tuple(
        WorkbookStatus(note.target, note.rows, changes_since(db, note.reflects), note.problem)
        for _, note in sorted(read(state).items())
    )


def _planned_target(db: sqlite3.Connection, phase: str) -> str:
    """What the manifest named when the job was planned, or kept last; "" for none."""
    value = recorded_fingerprint(db).get(f"phases.{phase}.output.merge" if phase else "output.merge", "null")
    return "" if value.startswith("sha256:") else json.loads(value) or ""
