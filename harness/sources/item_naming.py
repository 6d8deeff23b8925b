"""From rows to items: each with an id of its own, or refused with its place; all that is wrong is told at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.base.errors import Problem
from harness.base.ids import ItemId
from harness.base.paths import MISSING, path_to, read_path
from harness.base.spelling import nearest_of
from harness.base.texts import in_yaml
from harness.core.input_hash import canonical
from harness.core.item_ids import folded, problem_with
from harness.core.types import Item, Json
from harness.job.items import BY_ROW
from harness.job.job import ItemsSpec, Job
from harness.sources.aliases import Aliases, UnknownAliasError
from harness.sources.json_file import kind_of
from harness.sources.mojibake import mojibake_in
from harness.sources.rows import MOST_ITEM_CHARACTERS, Rows

_MOST_PROBLEMS = 1_000


@dataclass(slots=True)
class _Gathering:
    """What is known while rows become items."""

    problems: list[Problem]
    garbled: list[tuple[int, str]]
    places: dict[str, tuple[int, str]]
    """Folded id -> (row, id as written)."""
    doubles: list[tuple[int, str]]
    """Rows left out because their id is that of an earlier one."""
    of_the_path: dict[str, tuple[int, int]]
    """What is wrong with the path of the id -> (which problem tells it, how many more rows have it)."""


def items_of(job: Job, rows: Rows, aliases: Aliases | None) -> tuple[list[Item], list[Problem], list[str]]:
    """The items in the order of the rows, everything that is wrong with a row, and what is to be said besides."""
    gathering = _Gathering([], [], {}, [], {})
    items = [
        Item(id=ItemId(id_), data=row, file=rows.files[index] if rows.files is not None else None)
        for index, id_, row in _named(job, rows, aliases, gathering)
    ]
    _count_rows(gathering)
    return items, gathering.problems, [*rows.warnings, *_warnings(rows, gathering)]


def _named(
    job: Job, rows: Rows, aliases: Aliases | None, gathering: _Gathering
) -> Iterator[tuple[int, str, Mapping[str, Json]]]:
    """Row number, id and data of every row that may be an item; what is wrong with the others is noted."""
    spec, is_table = job.items, rows.mark is not None
    for index, value in enumerate(rows.values):
        row = value if isinstance(value, dict) else {"value": value}
        try:
            _check_size(row, gathering, index)
            id_ = str(index + 1) if spec.id == BY_ROW else _named_by(aliases, _id(value, row, spec.id))
            id_ = id_.strip() if is_table else id_
            if problem := problem_with(id_):
                raise ValueError(problem)
            if not _is_new(spec, id_, index, rows.place, gathering):
                continue
        except _PathError as error:
            _note_once(gathering, error, rows.place(index) if error.kind not in gathering.of_the_path else "")
            continue
        except ValueError as error:
            gathering.problems.append(_problem(rows.place(index), error))
            if len(gathering.problems) > _MOST_PROBLEMS:
                return
            continue
        yield index, id_, row


def ids_of_rows(rows: Sequence[Json], path: str, aliases: Aliases | None) -> dict[str, int]:
    """Id -> index of the first row of a table with it; rows without one are passed over."""
    found: dict[str, int] = {}
    for index, value in enumerate(rows):
        row = value if isinstance(value, dict) else {"value": value}
        try:
            id_ = str(index + 1) if path == BY_ROW else _named_by(aliases, _id(value, row, path)).strip()
        except ValueError:
            continue
        found.setdefault(id_, index)
    return found


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
        text = canonical(row)
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains half of a surrogate pair, which is not a character") from None
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
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    if found is MISSING:
        paths = ", ".join(path_to(name) for name in list(row)[:20])
        raise _PathError("missing", f"has no id at {path}; it has {paths or 'nothing'}", _near(path, list(row)[:20]))
    hint = f'write it in quotes, "{found}"'[:80] if isinstance(found, float) else None
    raise _PathError(
        type(found).__name__, f"the id at {path} is {kind_of(found)}, expected text or a whole number", hint
    )


def _near(path: str, names: Sequence[str]) -> str:
    """`did you mean '.review_id'?`: a name spelled nearly so, or the only one that ends with the path, or holds it."""
    wanted = path.removeprefix(".").casefold()
    holding = [name for name in names if wanted and wanted in name.casefold()]
    ending = [name for name in holding if name.casefold().endswith(wanted)]
    only = next((found[0] for found in (ending, holding) if len(found) == 1), None)
    near = nearest_of(path.removeprefix("."), names) or only
    if near is not None:
        return f"did you mean {in_yaml(path_to(near))}?"
    return "name the field that identifies a row, or number the rows: id: $row"


def _named_by(aliases: Aliases | None, name: str) -> str:
    if aliases is None:
        return name
    try:
        return aliases.name_of(name)
    except UnknownAliasError as error:
        raise _HintedError(
            str(error), "use the canonical name, or add an alias to the file that items.match names"
        ) from None


def _is_new(spec: ItemsSpec, id_: str, index: int, place: Callable[[int], str], gathering: _Gathering) -> bool:
    """False for a row that is left out. ValueError for one with the id of an earlier row."""
    first = gathering.places.setdefault(folded(id_, exact=spec.exact), (index, id_))
    if first[0] == index:
        return True
    if spec.first_only:
        gathering.doubles.append((index, id_))
        return False
    same = "" if first[1] == id_ else f", there written {first[1]!r:.80}"
    hints = [] if not same or spec.exact else ["where case matters, write ids: exact under items"]
    hints.append("to take the first row of each id, write unique: first under items")
    raise _HintedError(f"duplicate id {id_!r:.80}: it is also at {place(first[0])}{same}", "; ".join(hints))


def _warnings(rows: Rows, gathering: _Gathering) -> Iterator[str]:
    if gathering.doubles:
        index, id_ = gathering.doubles[0]
        many = len(gathering.doubles)
        count = (
            "1 row with the id of an earlier one was" if many == 1 else f"{many:,} rows with ids of earlier ones were"
        )
        yield f"{rows.place(index)}: {count} left out, for instance {id_!r:.80}"
    if gathering.garbled:
        index, example = gathering.garbled[0]
        count = "1 row looks" if len(gathering.garbled) == 1 else f"{len(gathering.garbled):,} rows look"
        yield (
            f"{rows.place(index)}: {count} like UTF-8 that was read as Windows-1252, for instance {example!r}; "
            "left as is"
        )
