"""What was written into workbooks last, so that it is known whether it is up to date, and whether somebody changed it.

`.harness/<stem>/written_back.json`: by the number of the phase. A projection like the progress file: the ledger is the
truth, and without this note the workbooks are written anew.
"""

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AliasChoices, Field, TypeAdapter, ValidationError

from harness.base.errors import BrokenSetupError
from harness.base.files import write_atomic
from harness.base.job_home import JobHome
from harness.base.reason import Reason
from harness.base.state import open_state
from harness.ledger import item_reasons
from harness.ledger.item_reasons import reasons_of_row

_MOST_BYTES = 4 * 2**20
MOST_KNOWN: Final = 100
"""Hashes of what was written before, of which the newest are kept: a kill may leave any of the last two."""
_OF_ITEMS = (
    "ItemAdded", "ItemBlocked", "ItemAccepted", "ItemStruck", "ItemReturned", "ItemFailed", "ItemReopened",
    "ItemEdited", "ItemWithdrawn", "ItemRemoved", "ItemSkipped",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WriteProblem:
    """Why a workbook could not be written."""

    where: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class WrittenBack:
    """One workbook. `target` is relative to the job's folder; `reflects` is the last entry that it holds."""

    target: str
    rows: int = 0
    """Rows of the sheet that are items of the phase."""
    reflects: int = 0
    asked: str = ""
    """Digest of what the manifest wants written, and of the workbook it is written into."""
    known: tuple[str, ...] = ()
    """Hashes of what was written, or was about to be, the newest last."""
    set_aside: str = ""
    """The name under which a copy is kept that somebody had changed."""
    backup: str = ""
    """Of a workbook that is written in place: what it was before."""
    problem: Annotated[WriteProblem | None, Field(validation_alias=AliasChoices("problem", "trouble"))] = None
    """Read as `trouble`, too, the word of 0.1.0."""


_ADAPTER = TypeAdapter(dict[int, WrittenBack])


def read(state: Path) -> dict[int, WrittenBack]:
    """By phase; empty without a note, or with one that is not whole."""
    try:
        with os.fdopen(open_state(JobHome(state).written_back, os.O_RDONLY), "rb") as file:
            return _ADAPTER.validate_json(file.read(_MOST_BYTES))
    except (OSError, BrokenSetupError, ValidationError):
        return {}


def write(state: Path, notes: Mapping[int, WrittenBack]) -> None:
    """Durable when it returns."""
    content: dict[str, Any] = {str(phase): asdict(note) for phase, note in notes.items()}
    write_atomic(
        JobHome(state).written_back, json.dumps(content, ensure_ascii=False, indent=1).encode(errors="replace")
    )


def changes_since(db: sqlite3.Connection, reflects: int) -> int:
    """How many entries about items came later. Looks at these only."""
    marks = ", ".join("?" * len(_OF_ITEMS))
    query = f"SELECT count(*) FROM entries WHERE seq > ? AND kind IN ({marks})"  # noqa: S608  marks alone
    return int(db.execute(query, (reflects, *_OF_ITEMS)).fetchone()[0])


@dataclass(frozen=True, slots=True)
class WrittenItem:
    """What a workbook says of an item."""

    state: str
    reasons: tuple[Reason, ...]
    attempts: int


def states_of(db: sqlite3.Connection, phase: int) -> dict[str, WrittenItem]:
    """By id, of the items that the phase has by now. What runs is pending: nothing in a workbook ends it."""
    rows = db.execute("SELECT item, state, reasons, errors, attempts, left_out FROM items WHERE phase = ?", (phase,))
    return {
        item: WrittenItem("pending" if state == "running" else state, _reasons(reasons, errors, left_out), attempts)
        for item, state, reasons, errors, attempts, left_out in rows
    }


def _reasons(reasons: str, errors: str, left_out: str | None) -> tuple[Reason, ...]:
    return (item_reasons.left_out(json.loads(left_out)),) if left_out else reasons_of_row(reasons, errors)
