"""What the `not_in` of selections reads: the outputs of earlier jobs."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from harness.base.errors import UsageError
from harness.base.spelling import nearest_of
from harness.job.job import Job, SelectSpec
from harness.sources.earlier import earlier_files, records_in
from harness.sources.rows import SourceError


@dataclass(frozen=True, slots=True)
class NotIn:
    """What the `not_in` of one selection reads. `phase`: None for the items of the job."""

    phase: str | None
    pattern: str
    files: int
    records: int
    meant: str | None
    """A folder beside the one that is not there, spelled nearly so."""


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


def unmatched_patterns(job: Job) -> Iterator[str]:
    """A pattern that matches nothing may be the first week's, or a slip."""
    for each in not_in(job):
        if not each.files:
            place = "items.select" if each.phase is None else f"phases.{each.phase}.items.select"
            meant = f"; did you mean the folder {each.meant!r}?" if each.meant else ""
            yield f"{place}.not_in: no file matches {each.pattern!r}, so nothing is left out for it{meant}"


def not_in_as_json(job: Job) -> list[dict[str, Any]]:
    """`phase` is null for the items of the job."""
    return [asdict(each) for each in not_in(job)]
