"""Where in a workbook the columns of `write_back` go, and what keeps them from being written."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.base.errors import Problem, UsageError
from harness.base.paths import steps_of
from harness.base.sheet_edit import Value, with_values
from harness.base.texts import shown
from harness.base.workbook import WorkbookError
from harness.job.items import BY_ROW
from harness.job.job import Job, PhaseSpec, WriteBackSpec
from harness.ledger import written_back
from harness.sources.aliases import read_aliases
from harness.sources.item_naming import ids_of_rows
from harness.sources.rows import SourceError
from harness.sources.sheet_rows import SheetSource, SheetTable, table_of_sheet

_SIGNATURES: Final = "_xmlsignatures/"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a sheet something goes. `columns`: name -> number; `added` are those that the sheet has not got."""

    table: SheetTable
    rows: Mapping[str, int]
    """Id of an item -> number of its row."""
    columns: Mapping[str, int]
    added: Sequence[str]

    def with_values(self, values: Mapping[int, Mapping[int, Value]]) -> bytes:
        """The workbook with these, and with the names of columns that are added."""
        table = self.table
        names: dict[int, Value] = {self.columns[name]: name for name in self.added}
        header = {table.header: names} if names else {}
        part = table.book.find(table.source.sheet)
        return with_values(table.book, part, {**header, **values}, header=table.header)


def layout_of(spec: WriteBackSpec) -> Layout:
    """SourceError or WorkbookError with all problems."""
    table = table_of_sheet(
        SheetSource(spec.source, spec.sheet, spec.header, key=spec.key, without=frozenset(spec.columns))
    )
    where = f"{table.sheet.where}!{table.header}"
    if any(name.startswith(_SIGNATURES) for name in table.book.archive.namelist()):
        message = "is signed, and the signature would not hold for a copy with results"
        raise workbook_problem(spec.source, message, "save it without a signature")
    steps = steps_of(spec.key) or ()
    if spec.key != BY_ROW and steps and str(steps[0]) not in table.columns:
        hint = f"it names {', '.join(repr(name) for name in table.columns if name)}"[:300]
        raise WorkbookError(Problem(where, f"names no column {str(steps[0])!r:.80} for the id", hint))
    by_name = {name.casefold(): number for number, name in enumerate(table.columns, 1) if name}
    width = max([len(table.columns), *map(len, table.sheet.rows.values())])
    added = [name for name in spec.columns if name.casefold() not in by_name]
    numbers = {name: by_name.get(name.casefold(), 0) for name in spec.columns}
    numbers |= {name: width + place for place, name in enumerate(added, 1)}
    rows = ids_of_rows(table.values, spec.key, read_aliases(spec.match) if spec.match else None)
    return Layout(table, {id_: table.numbers[index] for id_, index in rows.items()}, numbers, added)


def refuse_bad_write_backs(job: Job, ids: Sequence[str] = ()) -> None:
    """UsageError with all that keeps results from being written into a workbook; nothing is written. `ids`: the items
    of the job, one of which must be in the sheet."""
    problems: list[Problem] = []
    for phase in job.phases:
        spec = phase.output.write_back
        if spec is None:
            continue
        try:
            layout = layout_of(spec)
            layout.with_values({row: dict.fromkeys(layout.columns.values()) for row in layout.rows.values()})
        except (SourceError, WorkbookError) as error:
            problems += error.problems
            continue
        if ids and has_items_of_the_job(job, phase) and not any(id_ in layout.rows for id_ in ids):
            message = f"no row has the id of {job.noun} {ids[0]!r:.80} or any other at {spec.key}"
            problems.append(Problem(layout.table.sheet.where, message, "name the column under write_back: id"))
    if problems:
        raise UsageError(list(dict.fromkeys(problems)))


def added_columns(spec: WriteBackSpec) -> tuple[Sequence[str], Sequence[str]]:
    """The columns that the sheet has not got, and those that it has. SourceError or WorkbookError."""
    layout = layout_of(spec)
    return layout.added, [name for name in layout.table.columns if name]


def refuse_foreign_copies(job: Job) -> None:
    """Before the first start: UsageError for a file where a copy goes, and that this job did not write."""
    known = {sha for note in written_back.read(job.state).values() for sha in note.known}
    problems = [
        Problem(
            shown(spec.to), "is there already, and this job did not write it",
            "move it away, or name another file: `output.write_back.to`",
        )
        for spec in (phase.output.write_back for phase in job.phases)
        if spec is not None and not spec.in_place and hash_of_file(spec.to) not in ("", *known)
    ]  # fmt: skip
    if problems:
        raise UsageError(problems)


def has_items_of_the_job(job: Job, phase: PhaseSpec) -> bool:
    """And none that a phase has made."""
    at = phase
    while at.rows is None and at.from_ is not None:
        at = job.phase(at.from_)
    return at.rows is None


def hash_of_file(path: Path) -> str:
    """Of what is there; "" for nothing, and for what cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"not read: {error.errno}"


def workbook_problem(file: Path, message: str, hint: str | None) -> WorkbookError:
    return WorkbookError(Problem(shown(file), message, hint))
