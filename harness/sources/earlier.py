"""What earlier outputs hold already: the ids and titles of their records, for a selection that leaves them out."""

import re
from collections.abc import Iterator
from pathlib import Path

from harness.base.texts import TextError, folded_text
from harness.core.types import Json
from harness.job.job import Job, SelectSpec
from harness.sources.encodings import text_of
from harness.sources.json_file import parsed
from harness.sources.lines import rows_of_jsonl, told_at_once
from harness.sources.rows import MOST_JSON_BYTES, refuse
from harness.sources.table import rows_of_table

_SET_ASIDE = re.compile(r"\.edited-\d+")
_OF_AN_INSTANCE = re.compile(r"@[\w-]+$")


def earlier_names(job: Job, spec: SelectSpec) -> dict[str, str]:
    """Folded id or title -> the file it is in, of every file that `not_in` matches; not of this job's own outputs.

    SourceError for a file that cannot be read. The first file in the order of names wins.
    """
    found: dict[str, str] = {}
    for file in earlier_files(job, spec):
        for name in _names(file):
            found.setdefault(folded_text(name), file.relative_to(job.folder).as_posix())
    return found


def earlier_files(job: Job, spec: SelectSpec) -> list[Path]:
    """The files below the job's folder that `not_in` matches, sorted; none that is hidden, a link or this job's."""
    if spec.not_in is None:
        return []
    own = set(_own_outputs(job))
    return sorted(
        path
        for path in job.folder.glob(spec.not_in)
        if path.is_file() and path.resolve() == path and path not in own and not _is_hidden(path, job.folder)
        and not _is_beside_results(job, path)
    )  # fmt: skip


def records_in(file: Path) -> int:
    """How many records an earlier output has. SourceError when it cannot be read."""
    return sum(1 for _ in _records(file))


def _is_beside_results(job: Job, path: Path) -> bool:
    """A copy of a workbook that this job or another instance writes, or what was set aside: no output of its own."""
    copies = [phase.output.write_back.to for phase in job.phases if phase.output.write_back is not None]
    return bool(_SET_ASIDE.fullmatch(path.suffix)) or any(_plain_name(path) == _plain_name(copy) for copy in copies)


def _plain_name(path: Path) -> str:
    return _OF_AN_INSTANCE.sub("", path.stem) + path.suffix


def _own_outputs(job: Job) -> Iterator[Path]:
    """In a rehearsal those of the job itself, too."""
    for phase in job.phases:
        if (merge := phase.output.merge) is None:
            continue
        yield merge
        for top in (job.state, job.state / "output"):
            if job.rehearsal and merge.is_relative_to(top):
                yield job.folder / merge.relative_to(top)


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _names(file: Path) -> Iterator[str]:
    for id_, record in _records(file):
        named = record if isinstance(record, dict) else {}
        for value in (id_, named.get("id"), named.get("title")):
            if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
                yield str(value)


def _records(file: Path) -> Iterator[tuple[str | None, Json]]:
    """Each record, with its id where that is the key of an object."""
    suffix = file.suffix.lower()
    if suffix in (".csv", ".tsv"):
        yield from ((None, row) for row in rows_of_table(file).values)
    elif suffix in (".jsonl", ".ndjson"):
        yield from ((None, row) for row in rows_of_jsonl(file).values)
    elif suffix == ".json":
        yield from _of_json(_json(file))
    else:
        refuse(file, "not_in: expected a .json, .jsonl or .csv file")


def _json(file: Path) -> Json:
    try:
        text = text_of(file, None, most_bytes=MOST_JSON_BYTES)
    except TextError as error:
        told_at_once(file, [error])
    return parsed(file, text)


def _of_json(value: Json) -> Iterator[tuple[str | None, Json]]:
    """A list of records; an object of them by id; or an object in which lists of records lie, `{"topics": [...]}`."""
    if isinstance(value, list):
        yield from ((None, each) for each in value)
    elif isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, list) and any(isinstance(each, dict) for each in part):
                yield from ((None, each) for each in part)
            elif isinstance(part, dict):
                yield name, part
