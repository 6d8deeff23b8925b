"""From a Job to its items: read, named, told apart, put in order; everything that is wrong is told at once."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.base.artifacts import sha_of
from harness.base.errors import Problem, UsageError
from harness.base.ids import Sha
from harness.base.texts import shown
from harness.base.workbook import SUFFIXES as WORKBOOK_SUFFIXES
from harness.core.input_hash import hash_of_input
from harness.core.names import same_file
from harness.core.types import Item
from harness.evaluation.bounded import Bounded
from harness.job.batch_plan import BatchPlan, against
from harness.job.items import TABLE_SUFFIXES
from harness.job.job import ItemsSpec, Job
from harness.job.plan_file import placed
from harness.sources.aliases import Aliases, read_aliases
from harness.sources.file_items import rows_of_files
from harness.sources.item_naming import items_of
from harness.sources.json_file import chosen_rows, rows_of_json
from harness.sources.lines import rows_of_jsonl, rows_of_txt
from harness.sources.order import UnknownFieldError, ordered
from harness.sources.rows import Rows, SourceError
from harness.sources.sheet_rows import SheetSource, rows_of_sheet
from harness.sources.table import rows_of_table

_MOST_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class SourceReading:
    """The items of the first phase in their final order, and what was noticed on the way."""

    items: tuple[Item, ...]
    warnings: tuple[str, ...] = ()


def read(job: Job, bounded: Bounded) -> SourceReading:
    """Read the items of a job. UsageError with all problems when there are none, or any of them may not be used."""
    aliases, problems = _aliases(job)
    try:
        rows = _rows(job, bounded)
    except SourceError as error:
        raise UsageError([*problems, *error.problems]) from None
    if not rows.values:
        raise UsageError(
            [*problems, Problem(_source(job), "holds no items", rows.warnings[0] if rows.warnings else None)]
        )
    items, more, warnings = items_of(job, rows, aliases)
    problems += more
    if not problems:
        try:
            items = ordered(items, job.items.order)
        except UnknownFieldError as error:
            problems.append(Problem(shown(job.manifest), f"order: {error}"))
    if job.plan is not None and job.plan_file is not None and not problems:
        problems += placed(job.plan_file, against(job.plan, [str(item.id) for item in items], job.noun))
        items = _in_order_of(job.plan, items)
    problems += _same_files(job, items)
    if problems:
        left = len(problems) - _MOST_PROBLEMS
        rest = [Problem(_source(job), f"and {left:,} more problems like these")] if left > 0 else []
        raise UsageError([*problems[:_MOST_PROBLEMS], *rest])
    return SourceReading(tuple(items), tuple(warnings))


def joined_rows(job: Job, bounded: Bounded) -> Mapping[int, Mapping[str, Item]]:
    """For each phase that joins a source: id -> its row, as an item. UsageError with every problem."""
    alone = {
        phase.number: replace(job, items=phase.join, phases=(), plan=None)
        for phase in job.phases
        if phase.join is not None
    }
    return {phase: {str(item.id): item for item in read(each, bounded).items} for phase, each in alone.items()}


def _in_order_of(plan: BatchPlan, items: Sequence[Item]) -> list[Item]:
    place = {id_: at for at, id_ in enumerate(id_ for batch in plan.batches for id_ in batch)}
    return sorted(items, key=lambda item: place.get(item.id, len(place)))


def digest_of_source(job: Job) -> str:
    """Of the bytes that the items are read from (10 ms for 10 MB); "" where they are files of a folder, or not there.

    The same digest and the same manifest give the same items.
    """
    if job.items.file is None:
        return ""
    files = [job.items.file, *([job.items.match] if job.items.match is not None else [])]
    digests = []
    for path in files:
        try:
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError:
            return ""
    return sha_of("".join(digests).encode())


def hash_of(item: Item) -> Sha:
    """The hash of what an item asks for: id, row and, for a file, its bytes. The order of keys does not matter."""
    if item.file is None:
        return hash_of_input(item, None)
    with item.file.open("rb") as file:
        return hash_of_input(item, hashlib.file_digest(file, "sha256").hexdigest())


def _same_files(job: Job, items: Sequence[Item]) -> Iterator[Problem]:
    """Of each phase that writes files by parts of paths: two items that would write one file."""
    for phase in job.phases:
        if found := same_file(phase.output.file, (item.id for item in items)):
            one, other, name = found
            message = f"{one!r} and {other!r} would both be written as {name!r}"
            yield Problem(_source(job), message, f"write {{id}}, or {{relpath}}, into the name {phase.output.file!r}")


def _rows(job: Job, bounded: Bounded) -> Rows:
    spec = job.items
    if spec.files is not None:
        return rows_of_files(job, spec.files)
    if spec.file is None:
        raise SourceError(Problem(shown(job.manifest), "items: expected file or files"))
    if spec.file.suffix.lower() == ".json":
        return rows_of_json(spec.file, spec.rows, job.vars, bounded, spec.encoding)
    return chosen_rows(spec.file, rows_of_lines(spec), spec.rows, job.vars, bounded)


def rows_of_lines(spec: ItemsSpec) -> Rows:
    """The rows of a table, of a sheet or of a file with one item a line. SourceError when it cannot be read."""
    assert spec.file is not None
    suffix = spec.file.suffix.lower()
    if suffix in WORKBOOK_SUFFIXES:
        return rows_of_sheet(SheetSource(spec.file, spec.sheet, spec.header, spec.columns, spec.id, spec.without))
    if suffix in TABLE_SUFFIXES or (suffix == ".txt" and spec.delimiter is not None):
        return rows_of_table(spec.file, encoding=spec.encoding, delimiter=spec.delimiter, columns=spec.columns)
    if suffix == ".txt":
        return rows_of_txt(spec.file, spec.encoding)
    return rows_of_jsonl(spec.file, spec.encoding)


def _source(job: Job) -> str:
    return shown(job.items.file) if job.items.file is not None else f"{shown(job.folder)}/{job.items.files}"


def _aliases(job: Job) -> tuple[Aliases | None, list[Problem]]:
    if job.items.match is None:
        return None, []
    try:
        return read_aliases(job.items.match), []
    except SourceError as error:
        return None, list(error.problems)
