"""The job that `init` proposes for a folder: guessed from what lies in it, so that nothing has to be asked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from harness.base import error_file
from harness.base.errors import Problem
from harness.base.paths import path_to
from harness.base.texts import TextError, first_of, in_yaml, shown
from harness.base.workbook import SUFFIXES as WORKBOOK_SUFFIXES
from harness.base.workbook import WorkbookError, open_workbook
from harness.core.item_ids import folded, problem_with
from harness.job.items import BY_ROW, ITEM_SUFFIXES, why_no_list
from harness.job.job import ItemsSpec
from harness.planning.first_job import Source
from harness.planning.similar_files import ABOUT_A_PROJECT, heaps
from harness.sources.encodings import LIKELY, OtherEncodingError, text_of
from harness.sources.json_file import parsed
from harness.sources.read import rows_of_lines
from harness.sources.rows import MOST_JSON_BYTES, MOST_LINES_BYTES, Rows, SourceError
from harness.sources.sheet_rows import SheetSource, rows_of_sheet, table_of_sheet

_OURS: Final = frozenset(
    {"job.schema.json", "batch_progress.json", "package.json", "package-lock.json", "tsconfig.json"}
)
_ID_NAMES: Final = ("id", "key", "name", "slug", "title", "url", "email", "code", "value")
_MUST_BE_SAVED: Final = (".xls", ".xlsb", ".ods", ".numbers", ".parquet", ".gz", ".zip")
_ARE_NAMED: Final = (".xml", ".db", ".sqlite", ".sql", ".dat", ".log")
_PLACES: Final = (".", "data", "input", "inbox", "in", "items", "lists")
_DEEPEST: Final = 4


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in a folder: the source that is proposed, other ones, and files that were seen and cannot be taken.

    `unread` are lists that a person has to change first; `passed_over` is in words.
    """

    source: Source | None
    others: tuple[Source, ...] = ()
    unread: tuple[Problem, ...] = ()
    passed_over: tuple[str, ...] = ()


def is_list(path: Path) -> bool:
    """May a file of this name be a list?"""
    return path.suffix.lower() in (*ITEM_SUFFIXES, *WORKBOOK_SUFFIXES, *_MUST_BE_SAVED)


def survey(folder: Path, only: Path | None = None) -> Survey:
    """The list with the most rows, else the folder with the most alike files, else a text file of lines, else None;
    or what `only` holds, a file of the folder."""
    tables: list[Source] = []
    lines: list[Source] = []
    unread: list[Problem] = []
    passed_over: list[str] = []
    for path in _candidates(folder) if only is None else (only,):
        try:
            if path.suffix.lower() in WORKBOOK_SUFFIXES:
                tables += _sources_of_workbook(folder, path, unread)
                continue
            found = _source(folder, path)
        except SourceError as error:
            unread += error.problems
            continue
        if isinstance(found, str):
            passed_over.append(f"{shown(path)} {found}")
        else:
            (lines if found.id == ".value" and path.suffix.lower() == ".txt" else tables).append(found)
    tables.sort(key=lambda source: (source.id != BY_ROW and not source.is_exact, source.count), reverse=True)
    all_heaps = heaps(folder) if only is None else ()
    files = sorted(all_heaps, key=lambda heap: ("/" in (heap.files or "") or _is_document(heap), heap.count))[::-1]
    sources = [*tables, *files, *lines]
    return Survey(sources[0] if sources else None, tuple(sources[1:]), tuple(unread), tuple(passed_over))


def _is_document(heap: Source) -> bool:
    return not (heap.files or "").lower().endswith((".txt", ".md"))


def _candidates(folder: Path) -> Iterator[Path]:
    """Files that may be lists, or that somebody may take for one. Text files only where there is a single one."""
    for place in (folder / name for name in _PLACES):
        if not place.is_dir():
            continue
        files = [path for path in sorted(place.iterdir()) if path.is_file() and path.name[0] != "."]
        texts = [path for path in files if path.suffix.lower() == ".txt" and not ABOUT_A_PROJECT.match(path.name)]
        for path in files:
            suffix = path.suffix.lower()
            if suffix == ".txt" and texts != [path]:
                continue
            is_ours = path.name in _OURS or (path.name == error_file.NAME and error_file.is_ours(path))
            is_ours = is_ours or path.name.lower().endswith(tuple(f".results{each}" for each in WORKBOOK_SUFFIXES))
            if (is_list(path) or suffix in _ARE_NAMED) and not (is_ours or path.name.startswith("~$")):
                yield path


def _source(folder: Path, path: Path) -> Source | str:
    """What the file would be in a manifest, or in words why it is no list. SourceError where it has to be changed."""
    suffix, where = path.suffix.lower(), path.relative_to(folder).as_posix()
    if suffix in _ARE_NAMED:
        return f"has a format that is not supported; supported are {', '.join(ITEM_SUFFIXES)}"
    if suffix not in ITEM_SUFFIXES:
        message, hint = why_no_list(path.name)
        raise SourceError(Problem(shown(path), message, hint))
    encoding = _encoding_of(path)
    found = _of_json(path, encoding) if suffix == ".json" else _of_lines(path, encoding)
    if isinstance(found, Source):
        name = f"{shown(path)} is not UTF-8 and was taken for {LIKELY}; see that its accents are right"
        found = replace(found, file=where, encoding=encoding, notes=((name,) if encoding else ()) + found.notes)
    return found


def _sources_of_workbook(folder: Path, path: Path, unread: list[Problem]) -> list[Source]:
    """What each sheet of a workbook would be in a manifest; the first thing that is wrong with a sheet goes to
    `unread`. SourceError for a workbook that cannot be read."""
    try:
        book = open_workbook(path)
    except WorkbookError as error:
        raise SourceError(*error.problems) from None
    sheets = [sheet.name for sheet in book.sheets if not sheet.is_hidden]
    found = []
    for name in sheets:
        source = SheetSource(path, name)
        try:
            rows = rows_of_sheet(source)
            if rows.item_like:
                source = replace(source, columns=tuple(_names_for(list(_first(rows)))))
                rows = rows_of_sheet(source)
        except SourceError as error:
            unread += error.problems[:1]
            continue
        if rows.values:
            each = _named(rows.values, _singular(name.lower() if len(sheets) > 1 else path.stem))
            has = f"{book.name}:{name} has the columns {first_of(list(_first(rows)), 12)}"
            where, sheet = path.relative_to(folder).as_posix(), name if len(sheets) > 1 else None
            notes = (has, *rows.warnings, *each.notes)
            header, status = _header_and_status(source)
            each = replace(each, xlsx=where, sheet=sheet, header=header, status=status)
            found.append(replace(each, columns=source.columns, notes=notes))
    return found


def _header_and_status(source: SheetSource) -> tuple[int | None, str | None]:
    """The row of a header that is not the first one, and the column for a status, as it is written."""
    table = table_of_sheet(source)
    header = table.header if table.header != min(table.sheet.rows, default=0) else 0
    return header or None, next((name for name in table.columns if name.casefold() == "status"), None)


def _encoding_of(path: Path) -> str | None:
    """The likely encoding of a file that is not UTF-8; None for any other, and for one that is none of it either."""
    try:
        text_of(path, None, most_bytes=MOST_LINES_BYTES)
    except OtherEncodingError:
        try:
            text_of(path, LIKELY, most_bytes=MOST_LINES_BYTES)
        except TextError:
            return None
        return LIKELY
    except TextError:
        return None
    return None


def _of_lines(path: Path, encoding: str | None) -> Source | str:
    spec = ItemsSpec(path, None, ".[]", ".id", None, (), encoding=encoding)
    rows = rows_of_lines(spec)
    if path.suffix.lower() == ".txt" and rows.warnings:
        spec = replace(spec, delimiter="\t")
        rows = rows_of_lines(spec)
    if rows.item_like:
        spec = replace(spec, columns=tuple(_names_for(list(_first(rows)))))
        rows = rows_of_lines(spec)
    if not rows.values:
        return "holds no rows"
    found = _named(rows.values, _singular(path.stem))
    notes = (*rows.warnings, *found.notes)
    if rows.item_like or spec.columns:
        notes = (f"{shown(path)} seems to have no header; `columns` names its columns", *notes)
    elif rows.mark is not None:
        notes = (f"{shown(path)} has the columns {first_of(list(_first(rows)), 12)}", *notes)
    return replace(found, delimiter="tab" if spec.delimiter else None, columns=spec.columns, notes=notes)


def _first(rows: Rows) -> Mapping[str, Any]:
    row = rows.values[0] if rows.values else None
    return row if isinstance(row, dict) else {}


def _names_for(cells: Sequence[str]) -> Iterator[str]:
    """Names for the columns of a table without a header: what the first row holds, or their numbers."""
    taken: set[str] = set()
    for place, cell in enumerate(cells, 1):
        name = "url" if "://" in cell else "email" if "@" in cell else "value" if len(cells) == 1 else ""
        name = name if name and name not in taken else f"column_{place}"
        taken.add(name)
        yield name


def _of_json(path: Path, encoding: str | None) -> Source | str:
    try:
        text = text_of(path, encoding, most_bytes=MOST_JSON_BYTES)
    except TextError as error:
        raise SourceError(error.at(shown(path))) from None
    document = parsed(path, text)
    lists = list(_lists(document, (), _DEEPEST))
    if lists:
        steps, values = max(lists, key=lambda each: len(each[1]))
        found = _named(values, _singular(steps[-1] if steps else path.stem))
        return replace(found, rows=f"{''.join(map(path_to, steps)) or '.'}[]")
    for steps, value in _objects(document, (), _DEEPEST):
        rows = f"{''.join(map(path_to, steps))} | to_entries[]".removeprefix(" | ")
        return Source(len(value), rows=rows, id=".key", noun=_singular(steps[-1] if steps else path.stem))
    return "holds no list"


_Steps = tuple[str, ...]


def _lists(value: Any, steps: _Steps, deep: int) -> Iterator[tuple[_Steps, list[Any]]]:
    """Every list with something in it that is reached by names alone, with these names."""
    if isinstance(value, list) and value:
        yield steps, value
    elif isinstance(value, dict) and deep:
        for name, inner in value.items():
            yield from _lists(inner, (*steps, name), deep - 1)


def _objects(value: Any, steps: _Steps, deep: int) -> Iterator[tuple[_Steps, dict[str, Any]]]:
    """Objects such as `{"acme": {...}, "beta": {...}}`, whose values are objects with a name in common."""
    if not isinstance(value, dict) or not deep:
        return
    inner = list(value.values())
    if len(inner) > 1 and all(isinstance(each, dict) for each in inner) and set(inner[0]).intersection(*inner[1:]):
        yield steps, value
    for name, each in value.items():
        yield from _objects(each, (*steps, name), deep - 1)


def _named(rows: Sequence[Any], noun: str) -> Source:
    """The source with the field that tells its rows apart: a usual name of ids first, then the order of the fields."""
    values: list[Mapping[str, Any]] = [row if isinstance(row, dict) else {"value": row} for row in rows]
    names = list(values[0])
    known = {name.casefold(): name for name in reversed(names)}
    ordered = [known[name] for name in _ID_NAMES if name in known]
    ordered += [name for name in names if name not in ordered]
    for is_exact in (False, True):
        for name in ordered:
            if _tell_apart(values, name, is_exact=is_exact):
                alike = ["of its ids some differ in case only and are different items (ids: exact)"] if is_exact else []
                passed_over = [each for each in ordered[: ordered.index(name)] if each.casefold() in _ID_NAMES]
                return Source(
                    len(rows),
                    id=path_to(name),
                    noun=noun,
                    is_exact=is_exact,
                    notes=(*alike, *_repeated(values, passed_over)),
                )
    notes = ["no field identifies a row, so rows are identified by number", *_repeated(values, ordered)]
    return Source(len(rows), id=BY_ROW, noun=noun, notes=tuple(notes))


def _repeated(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Of the first of these fields that nearly tells the rows apart: how often it does not."""
    nearly = next((name for name in names if _different(rows, name) * 2 > len(rows)), None)
    if nearly is None:
        return []
    times, path = len(rows) - _different(rows, nearly), in_yaml(path_to(nearly))
    return [f"{times:,} of {len(rows):,} rows repeat their {nearly!r}; to take each once: id: {path}, unique: first"]


def _tell_apart(rows: Sequence[Mapping[str, Any]], name: str, *, is_exact: bool) -> bool:
    return _different(rows, name, is_exact=is_exact) == len(rows)


def _different(rows: Sequence[Mapping[str, Any]], name: str, *, is_exact: bool = False) -> int:
    """How many different ids the field gives; 0 where it gives none to some row."""
    values = [row.get(name) for row in rows]
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        return 0
    ids = [str(value).strip() for value in values]
    return 0 if any(map(problem_with, ids)) else len({folded(id_, exact=is_exact) for id_ in ids})


def _singular(words: str) -> str:
    """`schools` -> `school`; `target_leads` -> `lead`; a word that is no plural says nothing: `item`."""
    word = re.split(r"[^A-Za-z]+", words.strip())[-1]
    if re.fullmatch(r"[A-Za-z]{2,}ies", word):
        return f"{word[:-3]}y"
    if re.fullmatch(r"[A-Za-z]{2,}(ss|x|ch|sh)es", word):
        return word[:-2]
    return word[:-1] if re.fullmatch(r"[A-Za-z]{2,}[^s\W]s", word) else "item"
