"""Statuses and results in columns of a copy of the user's workbook; in the workbook itself only when that is asked for.

A projection, like the progress file: what keeps it from being written ends no run, and is told by `status`.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from harness.base.artifacts import ArtifactStore, sha_of
from harness.base.files import make_users_folder, write_atomic
from harness.base.paths import MISSING, read_path
from harness.base.sheet_edit import Value
from harness.base.slices import Fragments
from harness.base.texts import shown
from harness.base.workbook import WorkbookError, copy_name
from harness.core.types import Json
from harness.job.job import Job, PhaseSpec, WriteBackSpec
from harness.ledger import pieces, written_back
from harness.ledger.entry_queries import last_seq
from harness.ledger.store import opened_for_reading
from harness.ledger.written_back import WriteProblem, WrittenBack, WrittenItem
from harness.outputs.merge import keep_aside
from harness.planning.workbook_layout import Layout, has_items_of_the_job, hash_of_file, layout_of, workbook_problem
from harness.sources.rows import SourceError
from harness.views.reason_words import reasons_text

_SIGNATURES: Final = "_xmlsignatures/"
_NOT_YET: Final = WrittenItem("pending", (), 0)


class WriteBacks:
    """The workbooks into which one job writes. Made when a run begins: what changes in them later is noticed."""

    def __init__(self, job: Job, ledger: Path, store: ArtifactStore) -> None:
        self._job, self._ledger, self._store = job, ledger, store
        self._phases = [phase for phase in job.phases if phase.output.write_back is not None]
        self._as_read = {
            phase.number: hash_of_file(phase.output.write_back.source)
            for phase in self._phases
            if phase.output.write_back is not None
        }
        self.is_stale = False
        self._is_told = False

    @property
    def are_wanted(self) -> bool:
        return bool(self._phases)

    def note(self) -> None:
        """Something changed about an item. That there is something to write is noted before it is, once."""
        self.is_stale = self.are_wanted
        if self.are_wanted and not self._is_told:
            self._is_told = True
            for phase in self._phases:
                self._tell(phase, self._note_of(phase))

    def write(self) -> None:
        """Bring all of them up to date; blocking. LedgerDamagedError."""
        self.is_stale = False
        for phase in self._phases:
            spec, note = phase.output.write_back, self._note_of(phase)
            assert spec is not None
            try:
                note = self._written(phase, spec, note)
            except (SourceError, WorkbookError) as error:
                problem = error.problems[0]
                failed = WriteProblem(problem.where, problem.message, problem.hint)
                note = replace(self._note_of(phase), problem=failed)
            except OSError as error:
                failed = WriteProblem(shown(spec.to), f"cannot be written: {error.strerror or error}")
                note = replace(self._note_of(phase), problem=failed)
            self._tell(phase, note)

    def _written(self, phase: PhaseSpec, spec: WriteBackSpec, note: WrittenBack) -> WrittenBack:
        with opened_for_reading(self._ledger) as db:
            if _is_current(db, spec, note):
                return note
            layout = layout_of(spec)
            reflects = last_seq(db)
            values = dict(self._values(db, phase, spec, layout))
        content = layout.with_values(values)
        note = replace(note, rows=len(values), problem=None)
        note = (
            self._in_place(phase, spec, layout, content, note)
            if spec.in_place
            else self._copy(phase, spec, content, note)
        )
        return replace(note, reflects=reflects, asked=_asked(spec))

    def _copy(self, phase: PhaseSpec, spec: WriteBackSpec, content: bytes, note: WrittenBack) -> WrittenBack:
        make_users_folder(spec.to.parent)
        found, sha = hash_of_file(spec.to), sha_of(content)
        is_ours = found in ("", sha, *note.known)
        note = self._about_to(phase, note, sha)
        if not is_ours:
            note = replace(note, set_aside=keep_aside(spec.to).name)
        if found != sha:
            write_atomic(spec.to, content, mode=None)
        return note

    def _in_place(
        self, phase: PhaseSpec, spec: WriteBackSpec, layout: Layout, content: bytes, note: WrittenBack
    ) -> WrittenBack:
        """The workbook itself, unless somebody has it open, or has changed it since this run began."""
        file, book = spec.source.resolve(), layout.table.book
        if opener := _opened_by(file):
            raise workbook_problem(file, f"is open in another program ({opener.name} is there)", "close it")
        if book.sha not in (self._as_read[phase.number], *note.known):
            raise workbook_problem(file, "was changed after this run had read it", None)
        if not note.backup:
            backup = copy_name(file, "before")
            write_atomic(backup, book.content, mode=None)
            note = replace(note, backup=_relative(self._job, backup))
        note = self._about_to(phase, note, sha_of(content))
        if hash_of_file(file) != book.sha:
            raise workbook_problem(file, "was changed while it was written", None)
        if content != book.content:
            write_atomic(file, content, mode=None)
        return note

    def _about_to(self, phase: PhaseSpec, note: WrittenBack, sha: str) -> WrittenBack:
        """Known before it is there: a kill in between leaves nothing that would be taken for somebody else's."""
        known = [each for each in note.known if each != sha]
        note = replace(note, known=(*known, sha)[-written_back.MOST_KNOWN :])
        self._tell(phase, replace(note, reflects=0))
        return note

    def _tell(self, phase: PhaseSpec, note: WrittenBack) -> None:
        notes = written_back.read(self._job.state)
        if notes.get(phase.number) != note:
            with suppress(OSError):
                written_back.write(self._job.state, {**notes, phase.number: note})

    def _note_of(self, phase: PhaseSpec) -> WrittenBack:
        spec = phase.output.write_back
        assert spec is not None
        note = written_back.read(self._job.state).get(phase.number, WrittenBack(""))
        return replace(note, target=_relative(self._job, spec.to))

    def _values(
        self, db: sqlite3.Connection, phase: PhaseSpec, spec: WriteBackSpec, layout: Layout
    ) -> Iterator[tuple[int, dict[int, Value]]]:
        """Row -> column -> value, of every row that is an item of the job."""
        states = written_back.states_of(db, phase.number)
        to_come = written_back.states_of(db, 1) if has_items_of_the_job(self._job, phase) else {}
        accepted = {str(piece.item): piece for piece in pieces.merge_pieces(db, phase.number)}
        with Fragments(self._store) as fragments:
            for id_, row in layout.rows.items():
                if id_ not in states and id_ not in to_come:
                    continue
                piece = accepted.get(id_)
                lines = fragments.lines(piece.slice) if piece is not None else []
                records = [json.loads(line) for line in lines]
                state = states.get(id_, _NOT_YET)
                yield (
                    row,
                    {layout.columns[name]: value_of(path, id_, state, records) for name, path in spec.columns.items()},
                )


def late(job: Job, db: sqlite3.Connection) -> list[str]:
    """The workbooks that do not hold what the ledger says, as messages name them."""
    notes = written_back.read(job.state)
    specs = {phase.number: phase.output.write_back for phase in job.phases}
    return [
        _relative(job, spec.to)
        for number, spec in specs.items()
        if spec is not None and not _is_current(db, spec, notes.get(number, WrittenBack("")))
    ]


def _is_current(db: sqlite3.Connection, spec: WriteBackSpec, note: WrittenBack) -> bool:
    is_same = note.asked == _asked(spec) and note.problem is None and bool(note.known)
    return is_same and not written_back.changes_since(db, note.reflects) and hash_of_file(spec.to) == note.known[-1]


def value_of(path: str, id_: str, state: WrittenItem, records: Sequence[Json]) -> Value:
    """What goes into a column for an item: of several records their different values, with semicolons between."""
    own = {"id": id_, "state": state.state, "reason": reasons_text(state.reasons), "attempts": state.attempts}
    found = []
    for record in records or [{}]:
        members = record if isinstance(record, dict) else {}
        value = read_path({**members, **own, "record": record}, path)
        if value is not MISSING and value is not None and value not in found:
            found.append(value)
    if len(found) <= 1:
        return _plain(found[0]) if found else None
    return "; ".join(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in found)


def _plain(value: Any) -> Value:
    if value == "":
        return None
    return value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)


def _asked(spec: WriteBackSpec) -> str:
    """Of what the manifest says, and of the workbook unless it is written itself."""
    said = [spec.sheet, spec.header, spec.key, list(spec.columns.items()), str(spec.to), spec.in_place]
    return sha_of(json.dumps([*said, "" if spec.in_place else hash_of_file(spec.source)]).encode())


def _opened_by(file: Path) -> Path | None:
    """The file that Excel or LibreOffice puts beside a workbook that it has open."""
    beside = (file.with_name(f"~${file.name}"), file.with_name(f".~lock.{file.name}#"))
    return next((path for path in beside if path.exists()), None)


def _relative(job: Job, path: Path) -> str:
    return path.relative_to(job.folder).as_posix() if path.is_relative_to(job.folder) else path.as_posix()
