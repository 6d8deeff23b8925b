"""What `check` and `plan` find out about a job beside its items: what `not_in` reads, which columns are new."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from harness.base.errors import UsageError
from harness.base.workbook import WorkbookError
from harness.job.job import Job, SelectSpec, WriteBackSpec
from harness.job.pydantic_errors import nearest_of
from harness.planning.workbook_layout import added_columns
from harness.sources.earlier import earlier_files, records_in
from harness.sources.rows import SourceError
from harness.views.wording import clean, counted


@dataclass(frozen=True, slots=True)
class NotIn:
    """What the `not_in` of one selection reads. `phase`: None for the items of the job."""

    phase: str | None
    pattern: str
    files: int
    records: int
    meant: str | None
    """A folder beside the one that is not there, spelled nearly so."""

    def in_words(self) -> str:
        """`not_in: 2 files, 16 records`."""
        return f"not_in: {counted(self.files, 'file')}, {counted(self.records, 'record')}"


def not_in(job: Job) -> list[NotIn]:
    """For every selection that has one. UsageError for a file that cannot be read."""
    specs: list[tuple[str | None, SelectSpec | None]] = [(None, job.items.select)]
    specs += [(phase.name, phase.select) for phase in job.phases]
    return [_not_in(job, name, spec) for name, spec in specs if spec is not None and spec.not_in is not None]


def _not_in(job: Job, phase: str | None, spec: SelectSpec) -> NotIn:
    try:
        files = earlier_files(job, spec)
        records = sum(records_in(file) for file in files)
    except SourceError as error:
        raise UsageError(list(error.problems)) from None
    pattern = spec.not_in or ""
    return NotIn(phase, pattern, len(files), records, None if files else _meant(job, pattern))


def _meant(job: Job, pattern: str) -> str | None:
    top = pattern.partition("/")[0]
    if (job.folder / top).exists():
        return None
    return nearest_of(top, [path.name for path in job.folder.iterdir() if path.is_dir()])


def warnings_of(job: Job) -> Iterator[str]:
    """A pattern that matches nothing may be the first week's, or a slip."""
    for each in not_in(job):
        if not each.files:
            place = "items.select" if each.phase is None else f"phases.{each.phase}.items.select"
            meant = f"; did you mean the folder {each.meant!r}?" if each.meant else ""
            yield f"{place}.not_in: no file matches {each.pattern!r}, so nothing is left out for it{meant}"


def not_in_lines(job: Job) -> Iterator[str]:
    """One for each phase that selects."""
    for each in not_in(job):
        yield each.in_words() if each.phase is None else f"{clean(each.phase)}: {each.in_words()}"


def not_in_as_json(job: Job) -> list[dict[str, Any]]:
    """`phase` is null for the items of the job."""
    return [asdict(each) for each in not_in(job)]


def new_columns(back: WriteBackSpec) -> dict[str, str]:
    """Columns that the workbook has not got -> ` (new column)`, with the one that may be meant."""
    try:
        added, there = added_columns(back)
    except (SourceError, WorkbookError):
        return {}
    free = [name for name in there if name not in back.columns]
    near = {name: nearest_of(name, free) for name in added}
    return {name: f" (new column; did you mean {near[name]}?)" if near[name] else " (new column)" for name in added}
