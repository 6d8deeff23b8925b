"""From a Job to its items: read, named, told apart, put in order; everything that is wrong is told at once."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.base.artifacts import sha_of
from harness.base.bounded import Bounded
from harness.base.errors import Problem, UsageError
from harness.base.ids import ItemId, Sha
from harness.base.paths import MISSING, read_path
from harness.base.texts import shown
from harness.core.item_ids import folded, trouble_with
from harness.core.names import same_stem
from harness.core.types import Item, Json
from harness.job.job import Job
from harness.job.wording import nearest
from harness.sources.aliases import Aliases, UnknownNameError, read_aliases
from harness.sources.files import rows_of_files
from harness.sources.json_file import kind_of, rows_of_json
from harness.sources.lines import rows_of_csv, rows_of_jsonl
from harness.sources.mojibake import mojibake_in
from harness.sources.order import UnknownFieldError, ordered
from harness.sources.rows import MOST_ITEM_CHARACTERS, Rows, SourceError

_MOST_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Reading:
    """The items of the first phase in their final order, and what was noticed on the way."""

    items: tuple[Item, ...]
    warnings: tuple[str, ...] = ()


def read(job: Job, bounded: Bounded) -> Reading:
    """Read the items of a job. UsageError with all problems when there are none, or any of them may not be used."""
    aliases, problems = _aliases(job)
    try:
        rows = _rows(job, bounded)
    except SourceError as error:
        raise UsageError([*problems, *error.problems]) from None
    if not rows.values:
        raise UsageError([*problems, Problem(_source(job), "holds no items")])
    items, more, warnings = _items(job, rows, aliases)
    problems += more
    if not problems:
        try:
            items = ordered(items, job.items.order)
        except UnknownFieldError as error:
            problems.append(Problem(shown(job.manifest), f"order: {error}"))
    problems += _same_stems(job, items)
    if problems:
        left = len(problems) - _MOST_PROBLEMS
        rest = [Problem(_source(job), f"and {left:,} more problems like these")] if left > 0 else []
        raise UsageError([*problems[:_MOST_PROBLEMS], *rest])
    return Reading(tuple(items), tuple(warnings))


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
    content: dict[str, Json] = {"id": item.id, "data": dict(item.data)}
    if item.file is not None:
        with item.file.open("rb") as file:
            content["file"] = hashlib.file_digest(file, "sha256").hexdigest()
    return sha_of(_canonical(content).encode())


def _same_stems(job: Job, items: Sequence[Item]) -> Iterator[Problem]:
    """Of each phase that writes `{stem}`: two items that would write one file."""
    for phase in job.phases:
        if found := same_stem(phase.output.file, (item.id for item in items)):
            one, other, name = found
            message = f"{one!r} and {other!r} would both be written as {name!r}"
            yield Problem(_source(job), message, f"write {{id}} in place of {{stem}}: {phase.output.file!r}")


def _rows(job: Job, bounded: Bounded) -> Rows:
    spec = job.items
    if spec.files is not None:
        return rows_of_files(job, spec.files)
    if spec.file is None:
        raise SourceError(Problem(shown(job.manifest), "items: expected file or files"))
    match spec.file.suffix.lower():
        case ".csv":
            return rows_of_csv(spec.file)
        case ".json":
            return rows_of_json(spec.file, spec.rows, job.vars, bounded)
        case _:
            return rows_of_jsonl(spec.file)


def _source(job: Job) -> str:
    return shown(job.items.file) if job.items.file is not None else f"{shown(job.folder)}/{job.items.files}"


def _aliases(job: Job) -> tuple[Aliases | None, list[Problem]]:
    if job.items.match is None:
        return None, []
    try:
        return read_aliases(job.items.match), []
    except SourceError as error:
        return None, list(error.problems)


@dataclass(slots=True)
class _Gathering:
    """What is known while rows become items."""

    problems: list[Problem]
    garbled: list[tuple[int, str]]
    places: dict[str, tuple[int, str]]
    """Folded id -> (row, id as written)."""
    of_the_path: dict[str, tuple[int, int]]
    """What is wrong with the path of the id -> (which problem tells it, how many more rows have it)."""


def _items(job: Job, rows: Rows, aliases: Aliases | None) -> tuple[list[Item], list[Problem], list[str]]:
    gathering = _Gathering([], [], {}, {})
    items = [
        Item(id=ItemId(id_), data=row, file=rows.files[index] if rows.files is not None else None)
        for index, id_, row in _named(job, rows, aliases, gathering)
    ]
    _count_rows(gathering)
    return items, gathering.problems, _warnings(rows, gathering.garbled)


def _named(
    job: Job, rows: Rows, aliases: Aliases | None, gathering: _Gathering
) -> Iterator[tuple[int, str, Mapping[str, Json]]]:
    """Row number, id and data of every row that may be an item; what is wrong with the others is noted."""
    path = ".file" if job.items.files is not None else job.items.id
    for index, value in enumerate(rows.values):
        row = value if isinstance(value, dict) else {"value": value}
        try:
            _check_size(row, gathering, index)
            id_ = _named_by(aliases, _id(value, row, path))
            if trouble := trouble_with(id_):
                raise ValueError(trouble)
            _check_unique(id_, index, rows.place, gathering)
        except _PathError as error:
            _note_once(gathering, error, rows.place(index) if error.kind not in gathering.of_the_path else "")
            continue
        except ValueError as error:
            gathering.problems.append(_problem(rows.place(index), error))
            if len(gathering.problems) > 20 * _MOST_PROBLEMS:
                return
            continue
        yield index, id_, row


class _HintedError(ValueError):
    """A ValueError with a hint."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.hint = hint


class _PathError(_HintedError):
    """The path of the id leads to no id: probably in all rows, so `kind` is told once, with the number of rows."""

    def __init__(self, kind: str, message: str, hint: str | None) -> None:
        super().__init__(message, hint)
        self.kind = kind


def _note_once(gathering: _Gathering, error: _PathError, where: str) -> None:
    """`where` is the place of the first row that has it."""
    if error.kind not in gathering.of_the_path:
        gathering.of_the_path[error.kind] = len(gathering.problems), 0
        gathering.problems.append(_problem(where, error))
    else:
        position, more = gathering.of_the_path[error.kind]
        gathering.of_the_path[error.kind] = position, more + 1


def _count_rows(gathering: _Gathering) -> None:
    for position, more in gathering.of_the_path.values():
        if more:
            told, rows = gathering.problems[position], "1 more row" if more == 1 else f"{more:,} more rows"
            gathering.problems[position] = replace(told, message=f"{told.message}; the same in {rows}")


def _problem(where: str, error: ValueError) -> Problem:
    return Problem(where, str(error), error.hint if isinstance(error, _HintedError) else None)


def _check_size(row: Mapping[str, Json], gathering: _Gathering, index: int) -> None:
    try:
        text = _canonical(row)
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair, which is no character") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if len(text) > MOST_ITEM_CHARACTERS:
        raise ValueError(f"has {len(text):,} characters, more than the {MOST_ITEM_CHARACTERS:,} that one item may have")
    if found := mojibake_in(text):
        gathering.garbled.append((index, found))


def _id(value: Json, row: Mapping[str, Json], path: str) -> str:
    """The id of a row. ValueError with its JSON type when it is no text."""
    found: Any = value if path == "." and not isinstance(value, dict) else read_path(row, path)
    if isinstance(found, str):
        return found
    if found is MISSING:
        names = [f".{name}" for name in list(row)[:20]]
        raise _PathError("missing", f"has no id at {path}; it has {', '.join(names) or 'nothing'}", _near(path, names))
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    hint = f'write it in quotes, "{found}"'[:80] if is_number else None
    raise _PathError(type(found).__name__, f"the id at {path} is {kind_of(found)}, expected text", hint)


def _near(path: str, names: Sequence[str]) -> str | None:
    """`did you mean '.review_id'?`: a name that is spelled nearly so, or the only one that ends as the path does."""
    ends_alike = [name for name in names if name.casefold().endswith(path.casefold().lstrip("."))]
    only = f"did you mean {ends_alike[0]!r}?" if len(ends_alike) == 1 else None
    return nearest(path, names).removeprefix(", ") or only


def _named_by(aliases: Aliases | None, name: str) -> str:
    if aliases is None:
        return name
    try:
        return aliases.name_of(name)
    except UnknownNameError as error:
        raise _HintedError(
            str(error), "use the canonical name, or add an alias to the file that items.match names"
        ) from None


def _check_unique(id_: str, index: int, place: Callable[[int], str], gathering: _Gathering) -> None:
    first = gathering.places.setdefault(folded(id_), (index, id_))
    if first[0] == index:
        return
    same = "" if first[1] == id_ else f", there written {first[1]!r}"
    raise ValueError(f"duplicate id {id_!r}: it is also at {place(first[0])}{same}")


def _warnings(rows: Rows, garbled: list[tuple[int, str]]) -> list[str]:
    if not garbled:
        return []
    index, example = garbled[0]
    count = "1 row looks" if len(garbled) == 1 else f"{len(garbled):,} rows look"
    return [
        f"{rows.place(index)}: {count} like UTF-8 that was read as Windows-1252, for instance {example!r}; left as is"
    ]


_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def _canonical(value: Json) -> str:
    return _CANONICAL.encode(value)
